#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <map>
#include <sstream>

#include "backup-runner/app/commands.hpp"
#include "common/base/json_object.hpp"
#include "common/contract/exit_code.hpp"
#include "common/contract/run_report.hpp"
#include "tests/support/failing_calls.hpp"
#include "tests/support/fake_s3.hpp"
#include "tests/support/tls_directory.hpp"

namespace n4b::runner {
namespace {

using testing::FakeS3;
using ::testing::HasSubstr;
using testing::HttpCall;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::s3_error;
using testing::S3Habits;
using ::testing::StartsWith;

class CheckStorageTest : public ::testing::Test {
protected:
    int run(const CheckStorageOptions& options, std::stop_token stop = {}) {
        ::testing::internal::CaptureStdout();
        ::testing::internal::CaptureStderr();
        const int code = runner::run(options, std::chrono::steady_clock::now(), std::move(stop));
        err_ = ::testing::internal::GetCapturedStderr();
        out_ = ::testing::internal::GetCapturedStdout();
        return code;
    }
    base::Json run_json(CheckStorageOptions options) {
        options.json = true;
        code_ = run(options);
        return base::Json::parse(out_);
    }

    int code_ = -1;
    std::string out_;
    std::string err_;
};

/// A directory that has to be empty again.
class CheckDirectoryTest : public CheckStorageTest {
protected:
    CheckDirectoryTest() {
        char pattern[] = "/tmp/n4b-check-XXXXXX";
        directory_ = ::mkdtemp(pattern);
        options_.store.directory = directory_;
    }
    ~CheckDirectoryTest() override {
        EXPECT_TRUE(std::filesystem::is_empty(directory_));
        std::filesystem::remove_all(directory_);
    }

    std::string directory_;
    CheckStorageOptions options_{};
};

TEST_F(CheckDirectoryTest, TellsWhatItCanDo) {
    EXPECT_EQ(run(options_), 0) << err_;
    EXPECT_THAT(out_, HasSubstr(directory_));
    EXPECT_THAT(out_, HasSubstr("repository        none yet: init makes one of an empty place"));
    EXPECT_THAT(out_, HasSubstr("exclusive create  held"));
    EXPECT_THAT(out_, HasSubstr("free space        "));
    EXPECT_THAT(err_, IsEmpty());
}

TEST_F(CheckDirectoryTest, TellsItInJson) {
    const auto json = run_json(options_);
    EXPECT_EQ(code_, 0);
    EXPECT_EQ(json["reason"], "Completed");
    EXPECT_EQ(json["exclusiveCreate"], "Held");
    EXPECT_EQ(json["keepsVersions"], false);
    EXPECT_GT(json["availableBytes"].get<std::int64_t>(), 0);
    EXPECT_LE(json["availableBytes"].get<std::int64_t>(), json["totalBytes"].get<std::int64_t>());
    EXPECT_LT(std::abs(json["clockOffsetMs"].get<std::int64_t>()), 60'000);
    EXPECT_FALSE(json.contains("repository"));
}

TEST_F(CheckDirectoryTest, AFullOrReadOnlyOrClosedVolumeHasItsReason) {
    const std::vector<std::pair<int, std::string>> failures{
        {ENOSPC, "StorageFull"}, {EROFS, "StorageReadOnly"}, {EACCES, "StoragePermission"}};
    for (const auto& [error, reason] : failures) {
        const auto code = testing::with_failing_calls({{SYS_write, error}}, [&, expected = reason] {
            const auto got = run(options_);
            return err_.starts_with("error: " + expected + ": ") ? got : 1;
        });
        EXPECT_EQ(code, 30) << reason;
    }
}

TEST_F(CheckDirectoryTest, AStopLeavesNothing) {
    std::stop_source stop;
    stop.request_stop();
    EXPECT_EQ(run(options_, stop.get_token()), 50);
    EXPECT_THAT(err_, StartsWith("error: Cancelled: "));
}

TEST_F(CheckStorageTest, ADirectoryThatIsNotThereIsTold) {
    CheckStorageOptions options;
    options.store.directory = "/nowhere/at/all";
    const auto json = run_json(options);
    EXPECT_EQ(code_, 20);
    EXPECT_EQ(json["reason"], "StorageUnavailable");
    EXPECT_EQ(json["storage"], "/nowhere/at/all");
    EXPECT_THAT(json["message"].get<std::string>(), HasSubstr("/nowhere/at/all"));
    EXPECT_THAT(err_, StartsWith("error: StorageUnavailable: "));
}

class CheckBucketTest : public CheckStorageTest {
protected:
    CheckBucketTest() {
        credentials_.with("access-key-id", S3Habits{}.key_id).with("secret-access-key", "geheim");
        options_.store.s3 = S3Choice{.location = {.endpoint = "http://127.0.0.1:" + std::to_string(server_.port()),
                                                  .bucket = "bucket",
                                                  .prefix = "neo4j",
                                                  .allow_insecure = true},
                                     .credentials_dir = credentials_.path()};
    }
    ~CheckBucketTest() override { EXPECT_EQ(s3_.count(), 0U) << "something was left behind"; }

    FakeS3 s3_{};
    testing::ScriptedHttpServer server_{[this](const HttpCall& call) { return s3_.answer(call); }};
    testing::TlsDirectory credentials_{};
    CheckStorageOptions options_{};
};

TEST_F(CheckBucketTest, TellsWhatItCanDo) {
    EXPECT_EQ(run(options_), 0) << err_;
    EXPECT_THAT(out_, HasSubstr("s3://bucket/neo4j/ at http://127.0.0.1:"));
    EXPECT_THAT(out_, HasSubstr("exclusive create  held"));
    EXPECT_THAT(out_, HasSubstr("versions          not kept"));
    EXPECT_THAT(out_, HasSubstr("free space        not told"));
}

TEST_F(CheckBucketTest, TellsWhatItCannotDo) {
    s3_.set({.if_none_match = S3Habits::Condition::kIgnored, .versioned = true});
    auto json = run_json(options_);
    EXPECT_EQ(json["exclusiveCreate"], "Ignored");
    EXPECT_EQ(json["keepsVersions"], true);
    EXPECT_FALSE(json.contains("availableBytes"));
    s3_.set({.if_none_match = S3Habits::Condition::kRefused});
    json = run_json(options_);
    EXPECT_EQ(code_, 0) << err_;
    EXPECT_EQ(json["exclusiveCreate"], "Refused");
}

TEST_F(CheckBucketTest, AnOddClockIsAWarning) {
    s3_.set({.clock_offset = std::chrono::minutes(10)});
    EXPECT_EQ(run(options_), 0);
    EXPECT_THAT(err_, StartsWith("warning: clock: the storage's is "));
    EXPECT_THAT(err_, HasSubstr(" s ahead of ours"));
}

TEST_F(CheckBucketTest, WhateverFailsNothingIsLeft) {
    // create, get, ranged get, stat, list, create, delete, get; get and list for a repository; the time comes with
    // answers
    constexpr std::size_t kRequests = 10;
    for (std::size_t n = 0; n < kRequests; ++n) {
        std::vector<FakeS3::Intervention> script(n, [](FakeS3&, const HttpCall&) { return std::nullopt; });
        script.emplace_back([](FakeS3&, const HttpCall&) { return s3_error(403, "AccessDenied"); });
        s3_.intervene(script);
        EXPECT_EQ(run(options_), 30) << n;
        EXPECT_THAT(err_, StartsWith("error: StorageAccessDenied: ")) << n;
        EXPECT_EQ(s3_.count(), 0U) << n;
    }
    s3_.intervene(std::vector<FakeS3::Intervention>(
        kRequests, [](FakeS3&, const HttpCall&) -> std::optional<testing::HttpAnswer> { return std::nullopt; }));
    EXPECT_EQ(run(options_), 0) << "there are more requests than this test knows: " << err_;
}

/// A bucket that is a repository.
class CheckRepositoryTest : public CheckStorageTest {};

TEST_F(CheckRepositoryTest, TellsItsId) {
    testing::TlsDirectory place;
    place.with("neo4j-backup.json", R"({"format":1,"id":"9f0c","requiredToRead":[],"requiredToWrite":[]})");
    CheckStorageOptions options;
    options.store.directory = place.path();
    EXPECT_EQ(run(options), 0) << err_;
    EXPECT_THAT(out_, HasSubstr("repository        9f0c\n"));
    EXPECT_EQ(run_json(options)["repository"], "9f0c");
    place.with("neo4j-backup.json", "{");
    EXPECT_EQ(run(options), 40);
    EXPECT_THAT(err_, StartsWith("error: ArtifactDamaged: neo4j-backup.json"));
}

TEST_F(CheckBucketTest, AWriteWithoutAnAnswerIsRemoved) {
    const auto lost = [](FakeS3& s3, const HttpCall& call) {
        s3.work(call);
        return std::optional(s3_error(500, "InternalError"));
    };
    // Every try of the first write is answered so: created, then compared, which fails too.
    s3_.intervene({lost, lost, lost});
    EXPECT_EQ(run(options_), 20);
    EXPECT_THAT(err_, StartsWith("error: StorageUnavailable: "));
}

TEST_F(CheckBucketTest, OtherBytesThanWereWrittenAreDamage) {
    s3_.intervene({[](FakeS3& s3, const HttpCall& call) {
        s3.work(call);
        s3.hold(call.target.substr(sizeof "/bucket"), std::string(4096, 'x'));
        return std::optional(testing::HttpAnswer{});
    }});
    EXPECT_EQ(run(options_), 40);
    EXPECT_THAT(err_, StartsWith("error: ArtifactDamaged: "));
}

TEST_F(CheckBucketTest, EachMistakeHasItsReasonAndCode) {
    const auto fails_with = [&](auto change, int code, const std::string& reason) {
        auto options = options_;
        change(options);
        EXPECT_EQ(run(options), code) << reason;
        EXPECT_THAT(err_, StartsWith("error: " + reason + ": "));
        EXPECT_THAT(err_ + out_, Not(HasSubstr("geheim")));
    };
    const testing::LoopbackPort closed;
    fails_with([](auto& o) { o.store.s3->location.bucket = "elsewhere"; }, 30, "BucketNotFound");
    fails_with([](auto& o) { o.store.s3->credentials_dir = "/nowhere"; }, 30, "StorageCredentialsInvalid");
    fails_with([](auto& o) { o.store.s3->location.allow_insecure = false; }, 10, "InvalidRunSpec");
    fails_with([](auto& o) { o.store.s3->location.endpoint = "http://nowhere.invalid"; }, 20, "StorageNameNotResolved");
    fails_with([&](auto& o) { o.store.s3->location.endpoint = "http://127.0.0.1:" + std::to_string(closed.port()); },
               20, "StorageUnreachable");
    credentials_.with("access-key-id", "UNKNOWN");
    fails_with([](auto&) {}, 30, "StorageCredentialsRejected");
}

TEST_F(CheckBucketTest, WithoutADirectoryTheEnvironmentHasTheCredentials) {
    options_.store.s3->credentials_dir = "";
    ::unsetenv("AWS_ACCESS_KEY_ID");
    ::unsetenv("AWS_SECRET_ACCESS_KEY");
    EXPECT_EQ(run(options_), 30);
    EXPECT_THAT(err_, StartsWith("error: StorageCredentialsInvalid: no --credentials-dir is given"));
    ::setenv("AWS_ACCESS_KEY_ID", S3Habits{}.key_id.c_str(), 1);
    ::setenv("AWS_SECRET_ACCESS_KEY", "geheim", 1);
    EXPECT_EQ(run(options_), 0) << err_;
    ::unsetenv("AWS_ACCESS_KEY_ID");
    ::unsetenv("AWS_SECRET_ACCESS_KEY");
}

TEST_F(CheckBucketTest, ALockIsAskedForWithoutAnObjectThatStays) {
    options_.store.s3->location.lock = {.mode = s3::LockMode::kGovernance, .time = std::chrono::days(30)};
    EXPECT_EQ(run(options_), 30) << "no backup could be stored there";
    EXPECT_THAT(err_, StartsWith("error: StorageOperationUnsupported: PutObject of "));
    s3_.set({.versioned = true, .knows_locks = true});
    EXPECT_EQ(run(options_), 0) << err_;
    EXPECT_THAT(out_, HasSubstr("object lock       governance for 30 days, which the storage takes"));
}

TEST_F(CheckBucketTest, ALockIsNotAskedForWhereEachLookWouldLeaveALockedObject) {
    options_.store.s3->location.lock = {.mode = s3::LockMode::kCompliance, .time = std::chrono::days(30)};
    s3_.set({.if_none_match = testing::S3Habits::Condition::kIgnored, .versioned = true, .knows_locks = true});
    std::atomic<int> locked = 0;
    s3_.intervene(std::vector<testing::FakeS3::Intervention>(20, [&](auto&, const testing::HttpCall& call) {
        if (call.headers.contains("x-amz-object-lock-mode")) ++locked;
        return std::optional<testing::HttpAnswer>();
    }));
    EXPECT_EQ(run(options_), 0) << err_;
    EXPECT_EQ(locked, 0);
    EXPECT_THAT(out_, HasSubstr("object lock       compliance for 30 days, not tried"));
}

TEST_F(CheckBucketTest, AnObjectThatTheStorageLocksByItselfIsNoFailure) {
    s3_.set({.locks_all = true});
    EXPECT_EQ(run(options_), 0) << err_;
    EXPECT_THAT(out_, HasSubstr("the storage locks it against deletion"));
    EXPECT_EQ(s3_.count(), 1U);
    s3_.set({});
    EXPECT_EQ(run_json(options_)["locksByItself"], false);
    s3_.clear();
}

/// Variables of the environment, for a test.
class Environment {
public:
    Environment(std::initializer_list<std::pair<const std::string, std::string>> variables) : variables_(variables) {
        for (const auto& [name, value] : variables_) ::setenv(name.c_str(), value.c_str(), 1);
    }
    ~Environment() {
        for (const auto& [name, value] : variables_) ::unsetenv(name.c_str());
    }
    Environment(const Environment&) = delete;
    Environment& operator=(const Environment&) = delete;

private:
    const std::map<std::string, std::string> variables_;
};

/// A bucket whose sessions a token service or an agent gives, which is another server.
class CheckIdentityTest : public CheckBucketTest {
protected:
    CheckIdentityTest() {
        options_.store.s3->credentials_dir.clear();
        credentials_.with("token", "geheimes-token");
        token_file_ = credentials_.path() + "/token";
        url_ = "http://127.0.0.1:" + std::to_string(issuer_.port());
    }

    std::string token_file_;
    std::string url_;
    testing::HttpCall asked_{};
    testing::ScriptedHttpServer issuer_{[this](const HttpCall& call) {
        asked_ = call;
        const auto& id = S3Habits{}.key_id;
        if (call.method == "GET") {
            return testing::HttpAnswer{.body = R"({"AccessKeyId":")" + id + R"(","SecretAccessKey":"geheim"})"};
        }
        return testing::HttpAnswer{.body =
                                       "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult>"
                                       "<Credentials><AccessKeyId>" +
                                       id +
                                       "</AccessKeyId><SecretAccessKey>geheim</SecretAccessKey></Credentials>"
                                       "</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"};
    }};
};

TEST_F(CheckIdentityTest, AmazonsVariablesNameAWebIdentity) {
    const Environment eks({{"AWS_ROLE_ARN", "arn:aws:iam::1:role/b"},
                           {"AWS_WEB_IDENTITY_TOKEN_FILE", token_file_},
                           {"AWS_ROLE_SESSION_NAME", "night"},
                           {"AWS_ENDPOINT_URL_STS", url_}});
    EXPECT_EQ(run(options_), 0) << err_;
    EXPECT_THAT(asked_.body, HasSubstr("RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fb&RoleSessionName=night&"));
    EXPECT_THAT(asked_.body, HasSubstr("WebIdentityToken=geheimes-token"));
}

TEST_F(CheckIdentityTest, ATokenOfTheEnvironmentGoesToNobodyUnasked) {
    const Environment eks({{"AWS_ROLE_ARN", "arn:aws:iam::1:role/b"}, {"AWS_WEB_IDENTITY_TOKEN_FILE", token_file_}});
    EXPECT_EQ(run(options_), 30);
    EXPECT_THAT(err_, HasSubstr("a storage that is not Amazon's; expected --s3-credentials web-identity"));
}

TEST_F(CheckIdentityTest, AChoiceOfItsOwnGoesBeforeTheEnvironment) {
    const Environment other({{"AWS_ROLE_ARN", "arn:other"}, {"AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere"}});
    options_.store.s3->credentials_from = contract::S3CredentialsFrom::kWebIdentity;
    options_.store.s3->web_identity = {.role_arn = "own", .token_file = token_file_, .sts_endpoint = url_};
    EXPECT_EQ(run(options_), 0) << err_;
    EXPECT_THAT(asked_.body, HasSubstr("RoleArn=own&"));
}

TEST_F(CheckIdentityTest, AmazonsVariablesNameAnAgent) {
    const Environment eks({{"AWS_CONTAINER_CREDENTIALS_FULL_URI", url_ + "/v1/credentials"},
                           {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token_file_}});
    EXPECT_EQ(run(options_), 0) << err_;
    EXPECT_EQ(asked_.target, "/v1/credentials");
    EXPECT_EQ(asked_.headers.at("authorization"), "geheimes-token");
    // A proxy of the environment is not for neighbours.
    const Environment proxy({{"HTTP_PROXY", "http://127.0.0.1:1"}, {"NO_PROXY", "127.0.0.1"}});
    EXPECT_EQ(run(options_), 0) << err_;
}

TEST_F(CheckIdentityTest, NothingIsTakenInPlaceOfAnother) {
    const auto refused = [&](const std::string& text) {
        EXPECT_EQ(run(options_), 30) << text;
        EXPECT_THAT(err_, StartsWith("error: StorageCredentialsInvalid: "));
        EXPECT_THAT(err_, HasSubstr(text));
        EXPECT_EQ(issuer_.calls(), 0);
        EXPECT_EQ(server_.calls(), 0);
    };
    const Environment machine({{"AWS_EC2_METADATA_SERVICE_ENDPOINT", url_}});
    refused("no --credentials-dir is given, and in the environment: AWS_ACCESS_KEY_ID is missing");
    {
        const Environment two({{"AWS_ACCESS_KEY_ID", "ID"}, {"AWS_WEB_IDENTITY_TOKEN_FILE", token_file_}});
        refused("found both AWS_ACCESS_KEY_ID and AWS_WEB_IDENTITY_TOKEN_FILE in the environment");
    }
    {
        const Environment far({{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://evil.example/"}});
        refused("AWS_CONTAINER_CREDENTIALS_FULL_URI: expected https://, or http:// to this machine");
    }
    options_.store.s3->credentials_from = contract::S3CredentialsFrom::kWebIdentity;
    refused("AWS_WEB_IDENTITY_TOKEN_FILE is missing in the environment");
    options_.store.s3->credentials_from = contract::S3CredentialsFrom::kPodIdentity;
    refused("AWS_CONTAINER_CREDENTIALS_FULL_URI is missing in the environment");
}

TEST_F(CheckIdentityTest, TheTokenServiceIsSpokenToOverTlsUnlessClearTextIsAllowed) {
    options_.store.s3->location.endpoint = "https://minio";
    options_.store.s3->location.allow_insecure = false;
    options_.store.s3->credentials_from = contract::S3CredentialsFrom::kWebIdentity;
    options_.store.s3->web_identity = {.token_file = token_file_, .sts_endpoint = url_};
    EXPECT_EQ(run(options_), 10);
    EXPECT_THAT(err_, HasSubstr("token service: found \"" + url_ + "\", expected https://"));
    EXPECT_EQ(issuer_.calls(), 0);
}

TEST_F(CheckIdentityTest, TheProxyOfTheSpecGoesBeforeTheEnvironment) {
    credentials_.with("access-key-id", S3Habits{}.key_id);
    options_.store.s3->credentials_dir = credentials_.path();
    const Environment none({{"NO_PROXY", "127.0.0.1"}});
    auto& proxy = options_.store.s3->proxy.emplace();
    proxy.url = url_;
    proxy.credentials_dir = credentials_.path();
    EXPECT_EQ(run(options_), 30) << err_;
    EXPECT_THAT(err_, StartsWith("error: StorageCredentialsInvalid: proxy credentials "));
    credentials_.with("username", "runner\n").with("password", "geheim\n");
    // The issuer answers whatever it is asked.
    EXPECT_NE(run(options_), 0);
    EXPECT_THAT(asked_.target, StartsWith("http://127.0.0.1:"));
    EXPECT_EQ(asked_.headers.at("proxy-authorization"), "Basic cnVubmVyOmdlaGVpbQ==");
    EXPECT_THAT(err_, Not(HasSubstr("geheim")));
}

/// A run in a pod, as the operator starts it.
class CheckStorageRunTest : public ::testing::Test {
protected:
    CheckStorageRunTest() {
        char pattern[] = "/tmp/n4b-check-run-XXXXXX";
        root_ = ::mkdtemp(pattern);
        std::ofstream(root_ + "/log").flush();
        ::setenv("N4B_TERMINATION_LOG", (root_ + "/log").c_str(), 1);
        spec_ = {.command = contract::Command::kCheckStorage,
                 .run = {.uid = "u-1", .attempt = 2},
                 .duration = std::chrono::minutes(1)};
    }
    ~CheckStorageRunTest() override {
        ::unsetenv("N4B_TERMINATION_LOG");
        std::filesystem::remove_all(root_);
    }

    /// The report in the termination message, which has the exit code's reason.
    contract::RunReport run() {
        ::testing::internal::CaptureStdout();
        ::testing::internal::CaptureStderr();
        const int code = runner::run(CheckStorageRunOptions{spec_}, std::chrono::steady_clock::now(), {});
        err_ = ::testing::internal::GetCapturedStderr();
        out_ = ::testing::internal::GetCapturedStdout();
        std::ostringstream text;
        text << std::ifstream(root_ + "/log").rdbuf();
        const auto report = contract::parse_run_report(text.str());
        EXPECT_TRUE(report) << text.str();
        if (!report) return {};
        EXPECT_EQ(code, static_cast<int>(contract::exit_code_of(report->reason)));
        EXPECT_EQ(report->run_uid, "u-1");
        EXPECT_EQ(report->attempt, 2);
        return *report;
    }

    std::string root_;
    contract::RunSpec spec_{};
    std::string out_;
    std::string err_;
};

TEST_F(CheckStorageRunTest, MakesAVolumeARepositoryOnceAndTellsItsRoom) {
    spec_.storage_path = root_ + "/volume/neo4j";
    spec_.initialize = true;
    spec_.new_repository = "uid-1";
    auto report = run();
    EXPECT_EQ(report.reason, base::Reason::kCompleted) << err_;
    EXPECT_THAT(report.message, HasSubstr(spec_.storage_path));
    ASSERT_TRUE(report.storage);
    EXPECT_EQ(report.storage->exclusive_create, contract::ExclusiveCreate::kHeld);
    EXPECT_GT(report.storage->free_bytes.value_or(0), 0);
    EXPECT_GE(report.storage->total_bytes.value_or(0), *report.storage->free_bytes);
    EXPECT_EQ(report.repository, "uid-1");
    const auto there = std::filesystem::directory_iterator(spec_.storage_path);
    EXPECT_EQ(std::distance(begin(there), end(there)), 1) << "neo4j-backup.json";
    spec_.new_repository = "uid-2";
    EXPECT_EQ(run().repository, "uid-1") << "as when the status was lost";
}

TEST_F(CheckStorageRunTest, TellsAVolumeThatIsAnotherOrIsNotMounted) {
    spec_.storage_path = root_ + "/volume";
    spec_.repository = "uid-1";
    auto report = run();
    EXPECT_EQ(report.reason, base::Reason::kStorageNotInitialized) << "the directory is missing: " << err_;
    EXPECT_THAT(report.message, HasSubstr("repository uid-1 was here"));
    EXPECT_FALSE(std::filesystem::exists(spec_.storage_path));
    std::filesystem::create_directory(spec_.storage_path);
    report = run();
    EXPECT_EQ(report.reason, base::Reason::kStorageNotInitialized);
    EXPECT_TRUE(report.storage) << "it takes objects";
    EXPECT_TRUE(std::filesystem::is_empty(spec_.storage_path));
    std::ofstream(spec_.storage_path + "/neo4j-backup.json")
        << R"({"format":1,"id":"9f0c","requiredToRead":[],"requiredToWrite":[]})";
    report = run();
    EXPECT_EQ(report.reason, base::Reason::kStorageReplaced);
    EXPECT_THAT(report.message, HasSubstr("9f0c"));
    EXPECT_TRUE(report.storage);
    EXPECT_EQ(report.repository, "");
}

TEST_F(CheckStorageRunTest, WithoutAWordOfARepositoryNeedsNone) {
    spec_.storage_path = root_ + "/volume";
    EXPECT_EQ(run().reason, base::Reason::kStorageUnavailable) << "nobody said that it may be made";
    std::filesystem::create_directory(spec_.storage_path);
    EXPECT_EQ(run().reason, base::Reason::kCompleted) << err_;
    EXPECT_TRUE(std::filesystem::is_empty(spec_.storage_path));
}

TEST_F(CheckStorageRunTest, ReportsABucketAsTheRunSpecNamesIt) {
    FakeS3 s3;
    testing::ScriptedHttpServer server{[&](const HttpCall& call) { return s3.answer(call); }};
    testing::TlsDirectory credentials;
    credentials.with("access-key-id", S3Habits{}.key_id).with("secret-access-key", "geheim");
    s3.set({.if_none_match = S3Habits::Condition::kIgnored, .versioned = true});
    spec_.storage_s3 = contract::S3Location{.endpoint = "http://127.0.0.1:" + std::to_string(server.port()),
                                            .bucket = "bucket",
                                            .prefix = "neo4j",
                                            .path_style = true,
                                            .allow_insecure = true,
                                            .credentials_dir = credentials.path()};
    auto report = run();
    EXPECT_EQ(report.reason, base::Reason::kCompleted) << err_;
    EXPECT_THAT(report.message, HasSubstr("s3://bucket/neo4j/"));
    ASSERT_TRUE(report.storage);
    EXPECT_EQ(report.storage->exclusive_create, contract::ExclusiveCreate::kIgnored);
    EXPECT_TRUE(report.storage->keeps_versions);
    EXPECT_FALSE(report.storage->free_bytes);
    EXPECT_EQ(s3.count(), 0U);

    spec_.storage_s3->bucket = "elsewhere";
    report = run();
    EXPECT_EQ(report.reason, base::Reason::kBucketNotFound);
    EXPECT_FALSE(report.storage);
    spec_.storage_s3->allow_insecure = false;
    EXPECT_EQ(run().reason, base::Reason::kInvalidRunSpec);
}

TEST_F(CheckStorageRunTest, EndsWithItsDuration) {
    spec_.storage_path = root_;
    spec_.duration = std::chrono::milliseconds(0);
    EXPECT_EQ(run().reason, base::Reason::kStorageUnavailable);
}

TEST(StoreOf, TakesOverWhatARunSpecSays) {
    contract::RunSpec spec{.storage_path = "/backup"};
    EXPECT_EQ(store_of(spec).directory, "/backup");
    EXPECT_FALSE(store_of(spec).s3);
    spec = {.storage_s3 = contract::S3Location{.endpoint = "https://e",
                                               .bucket = "b",
                                               .region = "r",
                                               .prefix = "p",
                                               .ca_file = "/ca",
                                               .credentials_dir = "/keys"}};
    const auto store = store_of(spec);
    ASSERT_TRUE(store.s3);
    EXPECT_EQ(store.s3->location.endpoint, "https://e");
    EXPECT_EQ(store.s3->location.bucket, "b");
    EXPECT_EQ(store.s3->location.region, "r");
    EXPECT_EQ(store.s3->location.prefix, "p");
    EXPECT_EQ(store.s3->location.addressing, s3::Addressing::kAutomatic);
    EXPECT_FALSE(store.s3->location.allow_insecure);
    EXPECT_EQ(store.s3->ca_file, "/ca");
    EXPECT_EQ(store.s3->credentials_dir, "/keys");
    auto& s3 = *spec.storage_s3;
    s3.proxy = contract::ProxySpec{.url = "http://proxy"};
    s3.lock = contract::ObjectLock{.mode = contract::LockMode::kCompliance, .days = 3};
    s3.credentials_dir.clear();
    s3.credentials_from = contract::S3CredentialsFrom::kWebIdentity;
    s3.web_identity = {.role_arn = "arn", .token_file = "/token"};
    EXPECT_EQ(store_of(spec).s3->proxy, s3.proxy);
    EXPECT_EQ(store_of(spec).s3->location.lock.time, std::chrono::days(3));
    EXPECT_EQ(store_of(spec).s3->location.lock.mode, s3::LockMode::kCompliance);
    EXPECT_EQ(store_of(spec).s3->web_identity, s3.web_identity);
    contract::RunSpec again;
    name_store(store_of(spec), again);
    EXPECT_EQ(again.storage_s3, spec.storage_s3);
    spec.storage_s3->path_style = true;
    EXPECT_EQ(store_of(spec).s3->location.addressing, s3::Addressing::kPath);
    spec.storage_s3->path_style = false;
    EXPECT_EQ(store_of(spec).s3->location.addressing, s3::Addressing::kVirtualHost);
}

}  // namespace
}  // namespace n4b::runner
