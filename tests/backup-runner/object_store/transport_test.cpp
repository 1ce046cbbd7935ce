#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string_view>
#include <thread>
#include <vector>

#include "backup-runner/object_store/curl_errors.hpp"
#include "backup-runner/object_store/http_transport.hpp"
#include "tests/support/loopback_listener.hpp"
#include "tests/support/s3_test_store.hpp"
#include "tests/support/tls_directory.hpp"

namespace n4b::object_store {
namespace {

using base::ErrorCode;
using base::Reason;
using base::Result;
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

constexpr std::size_t kBodyBytes = 256 * 1024;

/// Takes one connection with little room for what has not been read, and reads 16 KiB of a request at a time, with a
/// pause before each.
class SlowReader {
public:
    explicit SlowReader(std::chrono::milliseconds pause) : pause_(pause) {
        const int room = 16 * 1024;
        EXPECT_EQ(::setsockopt(listener_.descriptor(), SOL_SOCKET, SO_RCVBUF, &room, sizeof room), 0);
    }
    [[nodiscard]] std::uint16_t port() const { return listener_.port(); }

private:
    void serve(const std::stop_token& stop) const {
        const int fd = listener_.accept();
        std::vector<char> piece(16 * 1024);
        // The head of the request counts as a part of its body: nothing hangs on its last bytes.
        for (std::size_t left = kBodyBytes; left > 0 && !stop.stop_requested();) {
            std::this_thread::sleep_for(pause_);
            const auto got = ::read(fd, piece.data(), std::min(left, piece.size()));
            if (got <= 0) break;
            left -= static_cast<std::size_t>(got);
        }
        constexpr std::string_view kDone = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        (void)::send(fd, kDone.data(), kDone.size(), MSG_NOSIGNAL);
        ::close(fd);
    }

    const std::chrono::milliseconds pause_;
    testing::LoopbackListener listener_{};
    std::jthread thread_{[this](const std::stop_token& stop) { serve(stop); }};
};

/// What a PUT ends with that may be silent for two seconds.
Result<Received> put_to(const SlowReader& reader) {
    const auto transport = curl_transport({.allow_insecure = true, .silence_timeout = std::chrono::seconds(2)});
    const std::vector<std::byte> body(kBodyBytes);
    const s3::Request request{.method = "PUT", .url = local("http", reader.port()) + "/bucket/key"};
    return (*transport)->send({.request = request, .body = body}, {});
}

TEST(Transport, ASlowLineIsNoSilence) {
    // All of the body waits in the socket from the first moment on, and takes four seconds from there.
    const SlowReader reader(std::chrono::milliseconds(250));
    const auto received = put_to(reader);
    ASSERT_TRUE(received) << received.error().message;
    EXPECT_EQ(received->reply.status, 200);
}

TEST(Transport, SilenceEndsARequest) {
    const SlowReader reader(std::chrono::milliseconds(3000));
    const auto received = put_to(reader);
    ASSERT_FALSE(received);
    EXPECT_EQ(received.error().reason, Reason::kStorageUnavailable) << received.error().message;
    EXPECT_THAT(received.error().message, HasSubstr("2 s"));
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
