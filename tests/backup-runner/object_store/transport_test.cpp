#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backup-runner/object_store/curl_errors.hpp"
#include "tests/support/s3_test_store.hpp"
#include "tests/support/tls_directory.hpp"

namespace n4b::object_store {
namespace {

using base::ErrorCode;
using base::Reason;
using testing::FakeS3;
using ::testing::HasSubstr;
using testing::HttpAnswer;
using testing::HttpCall;
using testing::Identity;
using ::testing::Not;
using testing::s3_test_store;

/// What listing a store ends with after one try.
base::Error failure_of(const std::string& endpoint, TransportOptions transport) {
    const auto store = s3_test_store({.endpoint = endpoint, .transport = std::move(transport), .max_tries = 1});
    const auto listed =
        store->list("", "", [](auto) { return true; }, {.deadline = base::Deadline::after(std::chrono::seconds(20))});
    EXPECT_FALSE(listed);
    return listed ? base::Error{} : listed.error();
}

std::string local(const std::string& scheme, std::uint16_t port, const std::string& host = "127.0.0.1") {
    return scheme + "://" + host + ":" + std::to_string(port);
}

/// An S3 server that speaks TLS under the name localhost, and who signed its certificate.
class TlsTransportTest : public ::testing::Test {
protected:
    TlsTransportTest() {
        files_.with("ca.crt", authority_.certificate_pem()).with("other.crt", other_.certificate_pem());
    }

    TransportOptions trusting(const std::string& file) { return {.ca_file = files_.path() + "/" + file}; }

    testing::TlsDirectory files_{};
    const Identity authority_{{.name = "authority", .authority = true}};
    const Identity other_{{.name = "other", .authority = true}};
    const Identity identity_{{.name = "s3", .alternatives = {"DNS:localhost"}}, &authority_};
    FakeS3 s3_{};
    testing::ScriptedHttpServer server_{[this](const HttpCall& call) { return s3_.answer(call); }, nullptr, &identity_};
};

TEST_F(TlsTransportTest, ATrustedServerIsSpokenTo) {
    const auto store =
        s3_test_store({.endpoint = local("https", server_.port(), "localhost"), .transport = trusting("ca.crt")});
    const auto put = store->put("k", std::as_bytes(std::span("x", 1)), {});
    EXPECT_TRUE(put) << put.error().message;
    EXPECT_EQ(s3_.held("pre/fix/k"), "x");
}

TEST_F(TlsTransportTest, AnUntrustedServerIsNot) {
    for (const auto& transport : {trusting("other.crt"), TransportOptions{}}) {
        const auto error = failure_of(local("https", server_.port(), "localhost"), transport);
        EXPECT_EQ(error.reason, Reason::kStorageCertificateInvalid) << error.message;
    }
    EXPECT_EQ(server_.calls(), 0);
}

TEST_F(TlsTransportTest, AServerOfAnotherNameIsNot) {
    const auto error = failure_of(local("https", server_.port()), trusting("ca.crt"));
    EXPECT_EQ(error.reason, Reason::kStorageCertificateInvalid) << error.message;
    EXPECT_EQ(server_.calls(), 0);
}

TEST_F(TlsTransportTest, AnExpiredCertificateIsRefused) {
    const Identity expired{{.name = "s3", .alternatives = {"DNS:localhost"}, .from_days = -10, .to_days = -5},
                           &authority_};
    testing::ScriptedHttpServer server([](const HttpCall&) { return HttpAnswer{}; }, nullptr, &expired);
    const auto error = failure_of(local("https", server.port(), "localhost"), trusting("ca.crt"));
    EXPECT_EQ(error.reason, Reason::kStorageCertificateInvalid);
    EXPECT_THAT(error.message, HasSubstr("expired"));
}

TEST_F(TlsTransportTest, ACaFileThatCannotBeUsedIsTold) {
    files_.with("empty.crt", "");
    for (const auto* file : {"missing.crt", "empty.crt"}) {
        const auto error = failure_of(local("https", server_.port(), "localhost"), trusting(file));
        EXPECT_EQ(error.reason, Reason::kStorageCertificateInvalid) << error.message;
    }
}

TEST(Transport, ClearTextBehindAnEndpointOfTlsIsUnreachable) {
    testing::ScriptedHttpServer server([](const HttpCall&) { return HttpAnswer{}; });
    const auto error = failure_of(local("https", server.port()), {.connect_timeout = std::chrono::seconds(1)});
    EXPECT_EQ(error.reason, Reason::kStorageUnreachable) << error.message;
}

TEST(Transport, ClearTextIsSpokenOnlyWhereAllowed) {
    testing::ScriptedHttpServer server([](const HttpCall&) { return HttpAnswer{}; });
    EXPECT_FALSE(s3_test_store({.port = server.port(), .transport = {}})->stat("k", {}));
    EXPECT_EQ(server.connections(), 0);
}

TEST(Transport, ARefusedConnectionIsUnreachable) {
    const testing::LoopbackPort closed;
    const auto error = failure_of(local("http", closed.port()), {.allow_insecure = true});
    EXPECT_EQ(error.reason, Reason::kStorageUnreachable) << error.message;
    EXPECT_EQ(error.code, ErrorCode::kUnavailable);
}

TEST(Transport, AnUnknownNameIsTold) {
    const auto error = failure_of("https://nowhere.invalid", {});
    EXPECT_EQ(error.reason, Reason::kStorageNameNotResolved) << error.message;
}

TEST(Transport, AServerThatIsNoHttpServerIsStrange) {
    const testing::LoopbackListener listener;
    const std::jthread other([&] {
        const int fd = listener.accept();
        char request[4096];
        EXPECT_GT(::read(fd, request, sizeof request), 0);
        EXPECT_GT(::write(fd, "SSH-2.0-OpenSSH_9.2\r\n\r\n", 23), 0);
        ::close(fd);
    });
    const auto error = failure_of(local("http", listener.port()), {.allow_insecure = true});
    EXPECT_EQ(error.reason, Reason::kStorageReplyInvalid) << error.message;
}

TEST(Transport, AProxyThatCannotBeReachedIsTold) {
    const testing::LoopbackPort closed;
    const auto proxy = local("http", closed.port(), "user:geheim@127.0.0.1");
    for (const auto* endpoint : {"https://s3.example", "http://s3.example"}) {
        const auto error = failure_of(endpoint, {.proxy = proxy, .allow_insecure = true});
        EXPECT_EQ(error.reason, Reason::kStorageProxyFailed) << error.message;
        EXPECT_THAT(error.message, Not(HasSubstr("geheim")));
    }
    EXPECT_EQ(failure_of("https://s3.example", {.proxy = "http://nowhere.invalid:3128"}).reason,
              Reason::kStorageProxyFailed);
}

TEST(Transport, AProxyThatRefusesIsTold) {
    testing::ScriptedHttpServer proxy([](const HttpCall&) { return HttpAnswer{.status = 407}; });
    for (const auto* endpoint : {"https://s3.example", "http://s3.example"}) {
        const auto error = failure_of(endpoint, {.proxy = local("http", proxy.port()), .allow_insecure = true});
        EXPECT_EQ(error.reason, Reason::kStorageProxyFailed) << error.message;
    }
}

TEST(Transport, AProxyIsUsedAndLeftOut) {
    FakeS3 s3;
    std::string target;
    testing::ScriptedHttpServer proxy([&](const HttpCall& call) {
        target = call.target;
        return HttpAnswer{.body = "<ListBucketResult/>"};
    });
    testing::ScriptedHttpServer server([&](const HttpCall& call) { return s3.answer(call); });
    const auto listed = [&](const std::string& endpoint, const std::string& no_proxy) {
        return s3_test_store(
                   {.endpoint = endpoint,
                    .transport = {.proxy = local("http", proxy.port()), .no_proxy = no_proxy, .allow_insecure = true}})
            ->list("", "", [](auto) { return true; }, {});
    };
    EXPECT_TRUE(listed("http://s3.example", ""));
    EXPECT_THAT(target, HasSubstr("http://s3.example/bucket?"));
    EXPECT_TRUE(listed(local("http", server.port()), "127.0.0.1,.other"));
    EXPECT_EQ(proxy.calls(), 1);
    EXPECT_EQ(server.calls(), 1);
}

TEST(Transport, AProxyThatIsNoUrlIsRefusedWithoutItsText) {
    const auto transport = curl_transport({.proxy = "http://user:geheim@:70000000"});
    ASSERT_FALSE(transport);
    EXPECT_THAT(transport.error().message, Not(HasSubstr("geheim")));
}

}  // namespace
}  // namespace n4b::object_store
