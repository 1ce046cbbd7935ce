#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <future>
#include <thread>
#include <vector>

#include "backup-runner/object_store/session_credentials.hpp"
#include "backup-runner/object_store/session_issuers.hpp"
#include "tests/support/s3_test_store.hpp"
#include "tests/support/tls_directory.hpp"

namespace n4b::object_store {
namespace {

using base::ErrorCode;
using base::Reason;
using base::Result;
using ::testing::HasSubstr;
using testing::HttpAnswer;
using testing::HttpCall;
using ::testing::Not;
using testing::ScriptedHttpServer;
using Directory = testing::TlsDirectory;
using namespace std::chrono_literals;

class FixedClock final : public base::Clock {
public:
    [[nodiscard]] base::SystemTime system_now() const override { return {}; }
    [[nodiscard]] base::SteadyTime steady_now() const override { return base::SteadyTime{} + 1h + now.load(); }
    std::atomic<std::chrono::milliseconds> now{};
};

/// The clock of a test, which the code under test owns no part of.
class BorrowedClock final : public base::Clock {
public:
    explicit BorrowedClock(const base::Clock& clock) : clock_(clock) {}
    [[nodiscard]] base::SystemTime system_now() const override { return clock_.system_now(); }
    [[nodiscard]] base::SteadyTime steady_now() const override { return clock_.steady_now(); }

private:
    const base::Clock& clock_;
};

/// What a test decides about an issuer, which numbers its sessions.
struct Issuing {
    std::atomic<int> asked = 0;
    std::atomic<int> at_once = 0;
    std::atomic<bool> fails = false;
    std::chrono::milliseconds lifetime = 2min;
    std::function<void()> meanwhile = [] {};
};

class NumberedIssuer final : public SessionIssuer {
public:
    explicit NumberedIssuer(Issuing& issuing) : issuing_(issuing) {}
    Result<IssuedSession> issue(const Call& call) override {
        EXPECT_EQ(++issuing_.at_once, 1);
        const int number = ++issuing_.asked;
        issuing_.meanwhile();
        --issuing_.at_once;
        N4B_TRY_VOID(check_call(call, "the issuer"));
        if (issuing_.fails) return base::fail(ErrorCode::kUnavailable, Reason::kStorageUnavailable, "no session");
        return IssuedSession{.credentials = {.key_id = std::to_string(number), .secret = "geheim"},
                             .lifetime = issuing_.lifetime};
    }

private:
    Issuing& issuing_;
};

class SessionCredentialsTest : public ::testing::Test {
protected:
    std::string key() {
        const auto found = source_->current({});
        return found ? found->key_id : found.error().message;
    }

    FixedClock clock_;
    Issuing issuing_;
    std::unique_ptr<CredentialSource> source_ =
        session_credentials(std::make_unique<NumberedIssuer>(issuing_), std::make_unique<BorrowedClock>(clock_));
};

TEST_F(SessionCredentialsTest, AreKeptUntilHalfOfAShortLifeIsOver) {
    EXPECT_EQ(key(), "1");
    clock_.now = 59s;
    EXPECT_EQ(key(), "1");
    clock_.now = 60s;
    EXPECT_EQ(key(), "2");
    clock_.now = 119s;
    EXPECT_EQ(key(), "2");
}

TEST_F(SessionCredentialsTest, AnIssuerThatIsAwayIsAskedAgainLaterWhileTheSessionIsGood) {
    EXPECT_EQ(key(), "1");
    issuing_.fails = true;
    clock_.now = 60s;
    EXPECT_EQ(key(), "1");
    EXPECT_EQ(key(), "1");
    EXPECT_EQ(issuing_.asked, 2) << "a failure is followed by a pause";
    clock_.now = 66s;
    EXPECT_EQ(key(), "1");
    EXPECT_EQ(issuing_.asked, 3);
    issuing_.fails = false;
    clock_.now = 72s;
    EXPECT_EQ(key(), "4");
}

TEST_F(SessionCredentialsTest, AreNotUsedAtTheirEnd) {
    EXPECT_EQ(key(), "1");
    issuing_.fails = true;
    clock_.now = 105s;
    EXPECT_EQ(key(), "no session");
}

TEST_F(SessionCredentialsTest, ARefusedSessionIsReplacedOnce) {
    const auto first = *source_->current({});
    EXPECT_EQ(source_->after_refusal_of(first, {})->key_id, "2");
    EXPECT_EQ(source_->after_refusal_of(first, {})->key_id, "2") << "another thread has replaced it already";
    EXPECT_EQ(issuing_.asked, 2);
}

TEST_F(SessionCredentialsTest, AreAskedForByOneThreadAtATime) {
    issuing_.meanwhile = [] { std::this_thread::sleep_for(20ms); };
    std::atomic<int> right = 0;
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 8; ++i) threads.emplace_back([&] { right += key() == "1" ? 1 : 0; });
    }
    EXPECT_EQ(right, 8);
    EXPECT_EQ(issuing_.asked, 1);
}

TEST_F(SessionCredentialsTest, WhoWaitsForAFailureIsToldOfIt) {
    issuing_.fails = true;
    std::atomic<int> started = 0;
    // The first one asks until the others have had time to wait for it.
    issuing_.meanwhile = [&] {
        while (started < 4) std::this_thread::sleep_for(1ms);
        std::this_thread::sleep_for(200ms);
    };
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back([&] {
                ++started;
                EXPECT_EQ(key(), "no session");
            });
        }
    }
    EXPECT_LT(issuing_.asked, 4);
}

TEST_F(SessionCredentialsTest, OthersGoOnWithAGoodSessionMeanwhile) {
    EXPECT_EQ(key(), "1");
    clock_.now = 60s;
    issuing_.meanwhile = [&] { EXPECT_EQ(std::async(std::launch::async, [&] { return key(); }).get(), "1"); };
    EXPECT_EQ(key(), "2");
}

TEST_F(SessionCredentialsTest, AWaitEndsWithItsCall) {
    std::atomic<bool> release = false;
    issuing_.meanwhile = [&] {
        while (!release) std::this_thread::sleep_for(1ms);
    };
    std::jthread first([&] { EXPECT_EQ(key(), "1"); });
    while (issuing_.asked == 0) std::this_thread::sleep_for(1ms);
    const auto waited = source_->current({.deadline = base::Deadline::after(10ms)});
    EXPECT_EQ(waited.error().code, ErrorCode::kDeadline);
    std::stop_source stop;
    stop.request_stop();
    EXPECT_EQ(source_->current({.stop = stop.get_token()}).error().code, ErrorCode::kCancelled);
    release = true;
}

std::unique_ptr<HttpTransport> transport() {
    return *curl_transport({.allow_insecure = true});
}
std::unique_ptr<base::Clock> real_clock() {
    return std::make_unique<base::RealClock>();
}
std::string local(const ScriptedHttpServer& server) {
    return "http://127.0.0.1:" + std::to_string(server.port());
}

HttpAnswer assumed(const std::string& key, const std::string& expires) {
    return {.headers = {{"Date", "Thu, 26 Nov 2026 18:00:00 GMT"}},
            .body = "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>" +
                    key + "</AccessKeyId><SecretAccessKey>geheim</SecretAccessKey><SessionToken>T</SessionToken>" +
                    "<Expiration>" + expires + "</Expiration></Credentials></AssumeRoleWithWebIdentityResult>" +
                    "</AssumeRoleWithWebIdentityResponse>"};
}

TEST(WebIdentity, SendsTheTokenOfTheMoment) {
    const Directory directory;
    std::vector<std::string> bodies;
    ScriptedHttpServer server([&](const HttpCall& call) {
        EXPECT_EQ(call.method, "POST");
        EXPECT_EQ(call.headers.at("content-type"), "application/x-www-form-urlencoded");
        EXPECT_FALSE(call.headers.contains("authorization"));
        bodies.push_back(call.body);
        return assumed("ID", "2026-11-26T18:02:00Z");
    });
    const auto issuer =
        web_identity({.service = local(server), .role_arn = "arn", .token_file = directory.path() + "/token"},
                     transport(), real_clock());
    for (const char* token : {"eins", "zwei"}) {
        std::ofstream(directory.path() + "/token") << token << "\n";
        const auto issued = issuer->issue({});
        ASSERT_TRUE(issued) << issued.error().message;
        EXPECT_EQ(issued->credentials.key_id, "ID");
        EXPECT_EQ(issued->lifetime, 2min) << "by the clock of the token service, whatever ours says";
        EXPECT_THAT(bodies.back(), HasSubstr(std::string("RoleArn=arn&RoleSessionName=neo4j-backup-runner&")));
        EXPECT_THAT(bodies.back(), HasSubstr(std::string("WebIdentityToken=") + token));
    }
}

TEST(WebIdentity, WhatIsWrongWithTheTokenFileIsTold) {
    Directory directory;
    const auto error_of = [&](const std::string& name) {
        const auto issued =
            web_identity({.service = "https://nowhere.invalid", .token_file = directory.path() + "/" + name},
                         transport(), real_clock())
                ->issue({});
        EXPECT_EQ(issued.error().reason, Reason::kStorageCredentialsInvalid);
        EXPECT_THAT(issued.error().message, HasSubstr("web identity token " + directory.path()));
        EXPECT_THAT(issued.error().message, Not(HasSubstr("geheim")));
        return issued.error().message;
    };
    EXPECT_THAT(error_of("none"), HasSubstr("No such file"));
    directory.with("empty", "\n").with("odd", "ge heim").with("long", std::string(20'000, 'x'));
    EXPECT_THAT(error_of("empty"), HasSubstr("the file is empty"));
    EXPECT_THAT(error_of("odd"), HasSubstr("printable ASCII"));
    EXPECT_THAT(error_of("long"), HasSubstr("more than 16384 bytes"));
}

TEST(WebIdentity, ARefusalNeverRepeatsTheToken) {
    Directory directory;
    directory.with("token", "geheimes-token");
    ScriptedHttpServer server([&](const HttpCall&) {
        return HttpAnswer{.status = 400,
                          .body =
                              "<ErrorResponse><Error><Code>InvalidIdentityToken</Code><Message>geheimes-token is "
                              "wrong</Message></Error></ErrorResponse>"};
    });
    const auto issued =
        web_identity({.service = local(server), .token_file = directory.path() + "/token"}, transport(), real_clock())
            ->issue({});
    EXPECT_EQ(issued.error().reason, Reason::kStorageCredentialsRejected);
    EXPECT_EQ(issued.error().message,
              "the token service " + local(server) + ": 400 InvalidIdentityToken: *** is wrong");
}

TEST(ContainerAgent, IsShownItsToken) {
    Directory directory;
    directory.with("token", "geheimes-token\n");
    ScriptedHttpServer server([&](const HttpCall& call) {
        if (call.headers.at("authorization") != "geheimes-token") return HttpAnswer{.status = 401, .body = "who?"};
        return HttpAnswer{.headers = {{"Date", "Thu, 26 Nov 2026 18:00:00 GMT"}},
                          .body = R"({"AccessKeyId":"ID","SecretAccessKey":"geheim","Token":"T",)"
                                  R"("Expiration":"2026-11-26T19:00:00Z"})"};
    });
    const ContainerAgent agent{.url = local(server) + "/v1/credentials", .token_file = directory.path() + "/token"};
    const auto issued = container_agent(agent, transport(), real_clock())->issue({});
    ASSERT_TRUE(issued) << issued.error().message;
    EXPECT_EQ(issued->credentials.session_token, "T");
    EXPECT_EQ(issued->lifetime, 1h);
    directory.with("token", "another");
    EXPECT_EQ(container_agent(agent, transport(), real_clock())->issue({}).error().message,
              "the container's agent: 401: who?");
}

TEST(InstanceMetadata, IsAskedByVersionTwoOnly) {
    bool has_role = true;
    ScriptedHttpServer server([&](const HttpCall& call) {
        if (call.method == "PUT") {
            EXPECT_EQ(call.target, "/latest/api/token");
            EXPECT_EQ(call.headers.at("x-aws-ec2-metadata-token-ttl-seconds"), "60");
            return HttpAnswer{.body = "metadata-token"};
        }
        EXPECT_EQ(call.headers.at("x-aws-ec2-metadata-token"), "metadata-token");
        if (!has_role) return HttpAnswer{.status = 404};
        if (call.target == "/latest/meta-data/iam/security-credentials/") return HttpAnswer{.body = "node-role\n"};
        EXPECT_EQ(call.target, "/latest/meta-data/iam/security-credentials/node-role");
        return HttpAnswer{.body = R"({"AccessKeyId":"ID","SecretAccessKey":"geheim","Token":"T"})"};
    });
    const auto issuer = instance_metadata(local(server), transport(), real_clock());
    const auto issued = issuer->issue({});
    ASSERT_TRUE(issued) << issued.error().message;
    EXPECT_EQ(issued->credentials.key_id, "ID");
    has_role = false;
    EXPECT_EQ(issuer->issue({}).error().reason, Reason::kStorageCredentialsInvalid);
    EXPECT_THAT(issuer->issue({}).error().message, HasSubstr("this machine has no role"));
}

/// A bucket, and a token service that issues sessions by the name of "1", "2" and so on.
class SessionStoreTest : public ::testing::Test {
protected:
    SessionStoreTest() { directory_.with("token", "geheimes-token"); }

    std::unique_ptr<ObjectStore> store() {
        return testing::s3_test_store(
            {.port = bucket_.port(),
             .credentials = session_credentials(
                 web_identity({.service = local(service_), .token_file = directory_.path() + "/token"}, transport(),
                              real_clock()),
                 real_clock())});
    }
    static Result<void> put(ObjectStore& store) { return store.put("k", std::as_bytes(std::span("x", 1)), {}); }

    Directory directory_;
    testing::FakeS3 s3_;
    std::atomic<int> issued_ = 0;
    std::atomic<int> away_ = 0;
    ScriptedHttpServer bucket_{[this](const HttpCall& call) { return s3_.answer(call); }};
    ScriptedHttpServer service_{[this](const HttpCall&) {
        if (away_ > 0) {
            --away_;
            return HttpAnswer{.status = 503};
        }
        return assumed(std::to_string(++issued_), "2026-11-26T19:00:00Z");
    }};
};

TEST_F(SessionStoreTest, AnExpiredSessionIsReplacedAndTheRequestRepeated) {
    s3_.set({.key_id = "1"});
    const auto opened = store();
    EXPECT_TRUE(put(*opened));
    EXPECT_EQ(issued_, 1);
    s3_.set({.key_id = "2"});
    s3_.intervene({[](auto&, const auto&) { return testing::s3_error(400, "ExpiredToken"); }});
    const auto again = put(*opened);
    EXPECT_TRUE(again) << again.error().message;
    EXPECT_EQ(issued_, 2);
}

TEST_F(SessionStoreTest, ASessionThatIsNeverTakenEndsTheCallAfterOneMore) {
    s3_.set({.key_id = "nobody"});
    const auto opened = store();
    const auto refused = put(*opened);
    EXPECT_EQ(refused.error().reason, Reason::kStorageCredentialsRejected);
    EXPECT_EQ(issued_, 2);
    EXPECT_EQ(bucket_.calls(), 2);
}

TEST_F(SessionStoreTest, ATokenServiceThatIsAwayForAMomentIsRiddenOut) {
    away_ = 2;
    s3_.set({.key_id = "1"});
    const auto done = put(*store());
    EXPECT_TRUE(done) << done.error().message;
    EXPECT_EQ(bucket_.calls(), 1);
}

TEST_F(SessionStoreTest, ARefusedSessionWaitsForATokenServiceThatIsAwayForAMoment) {
    s3_.set({.key_id = "1"});
    const auto opened = store();
    EXPECT_TRUE(put(*opened));
    s3_.set({.key_id = "2"});
    s3_.intervene({[](auto&, const auto&) { return testing::s3_error(400, "ExpiredToken"); }});
    away_ = 2;
    const auto again = put(*opened);
    EXPECT_TRUE(again) << again.error().message;
    EXPECT_EQ(issued_, 2);
}

TEST_F(SessionStoreTest, ATokenServiceThatStaysAwayIsTold) {
    away_ = 100;
    const auto failed = put(*store());
    EXPECT_EQ(failed.error().reason, Reason::kStorageUnavailable);
    EXPECT_THAT(failed.error().message, HasSubstr("the token service " + local(service_) + ": 503"));
    EXPECT_EQ(bucket_.calls(), 0) << "nothing is sent unsigned";
}

}  // namespace
}  // namespace n4b::object_store
