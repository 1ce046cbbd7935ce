// What real servers can't be made to do, or not when it is wanted: one scripted S3 server.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/support/s3_test_store.hpp"

namespace n4b::object_store {
namespace {

using base::ErrorCode;
using base::Reason;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using testing::FakeS3;
using ::testing::HasSubstr;
using testing::HttpAnswer;
using testing::HttpCall;
using testing::HttpFault;
using ::testing::Not;
using testing::s3_error;
using testing::s3_test_store;
using testing::S3Habits;

const Call kCall{.deadline = base::Deadline::after(std::chrono::minutes(5))};

std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span(text));
}

FakeS3::Intervention answering(HttpAnswer answer) {
    return [answer](FakeS3&, const HttpCall&) { return answer; };
}

/// Does the work, and answers otherwise.
FakeS3::Intervention after_the_work(HttpAnswer answer) {
    return [answer](FakeS3& s3, const HttpCall& call) {
        s3.work(call);
        return answer;
    };
}

class S3FaultsTest : public ::testing::Test {
protected:
    std::unique_ptr<ObjectStore> store(int max_tries = s3::kMaxTries) {
        return s3_test_store({.port = server_.port(), .max_tries = max_tries});
    }

    /// What a put ends with after the server's answers.
    base::Error put_against(std::vector<FakeS3::Intervention> interventions, int max_tries = s3::kMaxTries) {
        s3_.intervene(std::move(interventions));
        const auto put = store(max_tries)->put("k", bytes_of("x"), kCall);
        EXPECT_FALSE(put);
        return put ? base::Error{} : put.error();
    }

    std::vector<std::string> keys() {
        std::vector<std::string> found;
        const auto listed = store()->list(
            "", "",
            [&](auto page) {
                EXPECT_FALSE(page.empty());
                for (const auto& object : page) found.push_back(object.key);
                return true;
            },
            kCall);
        EXPECT_TRUE(listed) << listed.error().message;
        return found;
    }

    FakeS3 s3_{};
    testing::ScriptedHttpServer server_{[this](const HttpCall& call) { return s3_.answer(call); }};
};

TEST_F(S3FaultsTest, WhatComesWithItsDigestIsNotHashedAgain) {
    const auto at = store(1);
    const auto batch = at->begin_batch();
    // One that is wrong shows it: the storage hashes for itself what it is sent.
    const auto put = batch->put("k", {.bytes = bytes_of("x"), .sha256 = std::string(64, 'd')}, kCall);
    ASSERT_FALSE(put);
    EXPECT_THAT(put.error().message, HasSubstr("XAmzContentSHA256Mismatch"));
}

TEST_F(S3FaultsTest, ThrottlingIsWaitedOut) {
    auto slow_down = s3_error(503, "SlowDown");
    auto later = slow_down;
    later.headers.emplace_back("Retry-After", "1");
    s3_.intervene({answering(slow_down), answering(later), answering({.status = 429})});
    const auto start = std::chrono::steady_clock::now();
    const auto put = store()->put("k", bytes_of("x"), kCall);
    EXPECT_TRUE(put) << put.error().message;
    EXPECT_GE(std::chrono::steady_clock::now() - start, seconds(1));
    EXPECT_EQ(server_.calls(), 4);
    EXPECT_EQ(s3_.held("pre/fix/k"), "x");
}

TEST_F(S3FaultsTest, EndlessThrottlingEndsInItsReason) {
    const auto error = put_against(std::vector<FakeS3::Intervention>(10, answering(s3_error(503, "SlowDown"))));
    EXPECT_EQ(error.reason, Reason::kStorageThrottled);
    EXPECT_EQ(error.code, ErrorCode::kThrottled);
    EXPECT_THAT(error.message, HasSubstr("(after 6 tries)"));
    EXPECT_EQ(server_.calls(), 6);
}

TEST_F(S3FaultsTest, ARetryAfterBeyondTheDeadlineIsNotWaitedFor) {
    auto later = s3_error(503, "SlowDown");
    later.headers.emplace_back("Retry-After", "50");
    s3_.intervene({answering(later)});
    const auto start = std::chrono::steady_clock::now();
    const auto put = store()->put("k", bytes_of("x"), {.deadline = base::Deadline::after(seconds(5))});
    EXPECT_EQ(put.error().reason, Reason::kStorageThrottled);
    EXPECT_LT(std::chrono::steady_clock::now() - start, seconds(4));
}

TEST_F(S3FaultsTest, AnErrorAfterSuccessIsNoConflict) {
    auto overloaded = HttpAnswer{.status = 502};
    overloaded.headers.emplace_back("Retry-After", "0");
    for (const auto& answer : {s3_error(500, "InternalError"), HttpAnswer{.fault = HttpFault::kReset}, overloaded}) {
        s3_.intervene({after_the_work(answer)});
        const auto key = fmt::format("head-{}", answer.status);
        const auto created = store()->create(key, bytes_of("ours"), kCall);
        ASSERT_TRUE(created) << created.error().message;
        EXPECT_EQ(*created, Creation::kCreated);
        EXPECT_EQ(s3_.held("pre/fix/" + key), "ours");
    }
}

TEST_F(S3FaultsTest, WhatMayHaveBeenDoneIsToldWhateverTheLastTryMeets) {
    s3_.intervene({after_the_work(s3_error(500, "InternalError")), answering(s3_error(403, "QuotaExceeded"))});
    const auto created = store()->create("head", bytes_of("ours"), kCall);
    ASSERT_FALSE(created);
    EXPECT_EQ(created.error().reason, Reason::kStorageFull);
    EXPECT_EQ(created.error().code, ErrorCode::kUnavailable) << "nobody knows whether the object is there";
    s3_.intervene({answering(s3_error(403, "QuotaExceeded"))});
    EXPECT_EQ(store()->create("other", bytes_of("ours"), kCall).error().code, ErrorCode::kFailedPrecondition);
    s3_.intervene({answering(s3_error(507, "XMinioStorageFull"))});
    EXPECT_EQ(store()->create("another", bytes_of("ours"), kCall).error().code, ErrorCode::kFailedPrecondition);
}

TEST_F(S3FaultsTest, AnothersObjectAfterAnErrorIsAConflict) {
    for (const auto* other : {"theirs", "hers", ""}) {
        s3_.hold("pre/fix/head", other);
        s3_.intervene({answering(s3_error(500, "InternalError"))});
        const auto created = store()->create("head", bytes_of("ours__"), kCall);
        ASSERT_TRUE(created) << created.error().message;
        EXPECT_EQ(*created, Creation::kTaken);
        EXPECT_EQ(s3_.held("pre/fix/head"), other);
    }
}

TEST_F(S3FaultsTest, AConflictOfConditionalRequestsIsAskedAgain) {
    s3_.intervene({answering(s3_error(409, "ConditionalRequestConflict"))});
    EXPECT_EQ(*store()->create("k", bytes_of("x"), kCall), Creation::kCreated);
}

TEST_F(S3FaultsTest, ConditionalWritesMayBeRefusedOrIgnored) {
    s3_.set({.if_none_match = S3Habits::Condition::kRefused});
    const auto refused = store()->create("k", bytes_of("x"), kCall);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().reason, Reason::kStorageOperationUnsupported);
    EXPECT_EQ(s3_.count(), 0U);
    s3_.set({.if_none_match = S3Habits::Condition::kIgnored});
    EXPECT_EQ(*store()->create("k", bytes_of("x"), kCall), Creation::kCreated);
    EXPECT_EQ(*store()->create("k", bytes_of("y"), kCall), Creation::kCreated);
}

TEST_F(S3FaultsTest, ACutBodyIsReadAgain) {
    const std::string body(100'000, 'b');
    s3_.hold("pre/fix/k", body);
    s3_.intervene({[](FakeS3& s3, const HttpCall& call) {
        auto answer = s3.work(call);
        answer.fault = HttpFault::kCut;
        return std::optional(answer);
    }});
    std::vector<std::byte> into(body.size());
    const auto got = store()->get("k", 0, into, kCall);
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(*got, body.size());
    EXPECT_TRUE(std::equal(into.begin(), into.end(), bytes_of(body).begin()));
    EXPECT_EQ(server_.calls(), 2);
}

TEST_F(S3FaultsTest, ABodyThatArrivesDamagedIsSentAgain) {
    s3_.intervene({answering(s3_error(400, "BadDigest"))});
    EXPECT_TRUE(store()->put("k", bytes_of("x"), kCall));
    const auto error = put_against(std::vector<FakeS3::Intervention>(10, answering(s3_error(400, "BadDigest"))));
    EXPECT_THAT(error.message, HasSubstr("(after 3 tries)"));
}

TEST_F(S3FaultsTest, ARangeThatIsIgnoredOrWrongIsNoObject) {
    s3_.hold("pre/fix/k", "0123456789");
    s3_.set({.knows_ranges = false});
    std::vector<std::byte> into(3);
    EXPECT_EQ(store()->get("k", 0, into, kCall).error().reason, Reason::kStorageReplyInvalid);
    EXPECT_EQ(store()->get("k", 7, into, kCall).error().code, ErrorCode::kInvalid);
    into.resize(20);
    EXPECT_EQ(*store()->get("k", 0, into, kCall), 10U);
    EXPECT_EQ(store()->get("k", 5, into, kCall).error().reason, Reason::kStorageOperationUnsupported);
    s3_.intervene({answering({.status = 200, .headers = {{"Content-Range", "bytes 5-7/8"}}, .body = "567"})});
    EXPECT_EQ(*store()->get("k", 5, into, kCall), 3U) << "rclone answers so";
    for (const auto* range : {"bytes 1-3/10", "bytes 0-1/10", "bytes 0-2/2", "nonsense"}) {
        s3_.intervene({answering({.status = 206, .headers = {{"Content-Range", range}}, .body = "012"})});
        EXPECT_EQ(store()->get("k", 0, into, kCall).error().reason, Reason::kStorageReplyInvalid) << range;
    }
}

TEST_F(S3FaultsTest, EachRefusalHasItsReason) {
    const std::vector<std::pair<HttpAnswer, Reason>> refusals{
        {s3_error(404, "NoSuchBucket"), Reason::kBucketNotFound},
        {s3_error(403, "AccessDenied"), Reason::kStorageAccessDenied},
        {s3_error(403, "SignatureDoesNotMatch"), Reason::kStorageSignatureMismatch},
        {s3_error(403, "InvalidAccessKeyId"), Reason::kStorageCredentialsRejected},
        {s3_error(400, "ExpiredToken"), Reason::kStorageCredentialsRejected},
        {s3_error(400, "AuthorizationHeaderMalformed", "<Region>eu-west-1</Region>"), Reason::kStorageRegionWrong},
        {s3_error(301, "PermanentRedirect", "<Endpoint>s3.eu-west-1.amazonaws.com</Endpoint>"),
         Reason::kStorageRegionWrong},
        {{.status = 307, .headers = {{"Location", "http://127.0.0.1:1/x"}}}, Reason::kStorageRegionWrong},
        {s3_error(507, "XMinioStorageFull"), Reason::kStorageFull},
        {s3_error(405, "MethodNotAllowed"), Reason::kStorageReadOnly},
        {s3_error(501, "NotImplemented"), Reason::kStorageOperationUnsupported},
        {{.status = 400, .body = "<html>no S3 here</html>"}, Reason::kStorageReplyInvalid},
    };
    for (const auto& [answer, reason] : refusals) {
        const int before = server_.calls();
        const auto error = put_against({answering(answer)});
        EXPECT_EQ(error.reason, reason) << answer.body;
        EXPECT_THAT(error.message, HasSubstr("PutObject of pre/fix/k in bucket bucket: ")) << answer.body;
        EXPECT_EQ(server_.calls(), before + 1) << "what is refused for good is not asked again: " << answer.body;
    }
}

TEST_F(S3FaultsTest, Only412SaysThatAKeyIsTaken) {
    for (const auto& answer : {s3_error(404, "NoSuchKey"), s3_error(416, "InvalidRange"), s3_error(404, "NoSuchTenant"),
                               HttpAnswer{.status = 404, .body = "<html>"}}) {
        s3_.intervene({answering(answer)});
        EXPECT_EQ(store()->create("k", bytes_of("x"), kCall).error().reason, Reason::kStorageReplyInvalid)
            << answer.body;
        EXPECT_EQ(put_against({answering(answer)}).reason, Reason::kStorageReplyInvalid) << answer.body;
    }
}

TEST_F(S3FaultsTest, AMissingBucketIsNoMissingObject) {
    s3_.intervene({answering({.status = 404}), answering(s3_error(404, "NoSuchBucket"))});
    EXPECT_EQ(store()->stat("k", kCall).error().reason, Reason::kBucketNotFound);
    s3_.intervene({answering({.status = 404}), answering(s3_error(404, "XAdminUserNotFound"))});
    EXPECT_EQ(store()->stat("k", kCall).error().reason, Reason::kStorageCredentialsRejected);
    EXPECT_EQ(store()->stat("k", kCall).error().reason, Reason::kArtifactNotFound);
}

TEST_F(S3FaultsTest, NothingSecretIsRepeated) {
    const auto error = put_against({answering(s3_error(403, "AccessDenied", "<RequestId>geheim-secret</RequestId>"))});
    EXPECT_THAT(error.message, Not(HasSubstr("geheim")));
    EXPECT_THAT(error.message, HasSubstr("***"));
}

TEST_F(S3FaultsTest, ASkewedClockIsSetRightOnce) {
    s3_.set({.clock_offset = std::chrono::hours(3)});
    const auto skewed = store();
    EXPECT_TRUE(skewed->put("a", bytes_of("x"), kCall));
    EXPECT_EQ(server_.calls(), 2);
    EXPECT_TRUE(skewed->put("b", bytes_of("x"), kCall));
    EXPECT_EQ(server_.calls(), 3);
    const auto time = skewed->now(kCall);
    ASSERT_TRUE(time);
    EXPECT_GT(*time - base::RealClock().system_now(), std::chrono::minutes(170));
}

TEST_F(S3FaultsTest, TheTimeIsThatOfTheLastAnswerUnlessACacheGaveIt) {
    const auto asked = store();
    ASSERT_TRUE(asked->now(kCall));
    ASSERT_TRUE(asked->now(kCall));
    EXPECT_EQ(server_.calls(), 1);
    s3_.set({.clock_offset = std::chrono::minutes(5)});
    ASSERT_TRUE(asked->put("a", bytes_of("x"), kCall));
    EXPECT_GT(*asked->now(kCall) - base::RealClock().system_now(), std::chrono::minutes(4));
    EXPECT_EQ(server_.calls(), 2);
    s3_.intervene({[](FakeS3& s3, const HttpCall& call) {
        auto answer = s3.work(call);
        answer.headers = {{"Date", "Sun, 22 Nov 2026 21:50:49 GMT"}, {"Age", "60"}, {"Content-Length", "1"}};
        return std::optional(answer);
    }});
    (void)asked->stat("a", kCall);
    EXPECT_EQ(server_.calls(), 3);
    EXPECT_GT(*asked->now(kCall) - base::RealClock().system_now(), std::chrono::minutes(4));
    EXPECT_EQ(server_.calls(), 3);
}

TEST_F(S3FaultsTest, AClockThatCannotBeSetRightIsTold) {
    auto refusal = s3_error(403, "RequestTimeTooSkewed");
    EXPECT_EQ(put_against({answering(refusal)}).reason, Reason::kStorageClockSkewed);
    refusal.headers.emplace_back("Date", "Sun, 22 Nov 2026 21:50:49 GMT");
    const auto error = put_against({answering(refusal), answering(refusal)});
    EXPECT_EQ(error.reason, Reason::kStorageClockSkewed);
    EXPECT_THAT(error.message, HasSubstr("the storage's clock says Sun, 22 Nov 2026 21:50:49 GMT"));
}

TEST_F(S3FaultsTest, PagesMayBeShortOrEmpty) {
    for (int i = 0; i < 7; ++i) s3_.hold(fmt::format("pre/fix/{}", i), "x");
    s3_.hold("pre/fix", "no child");
    s3_.hold("pre/fixture", "no child");
    s3_.hold("pre/fix/folder/", "");
    s3_.set({.page_keys = 2, .empty_page_first = true});
    EXPECT_THAT(keys(), ElementsAre("0", "1", "2", "3", "4", "5", "6"));
}

TEST_F(S3FaultsTest, KeysMayComeUnencoded) {
    s3_.hold("pre/fix/a+b c%41&<", "x");
    for (const bool encoded : {true, false}) {
        s3_.set({.knows_encoding_type = encoded});
        EXPECT_THAT(keys(), ElementsAre("a+b c%41&<")) << encoded;
    }
}

TEST_F(S3FaultsTest, ListsThatCannotBeRightEnd) {
    const auto page = [](const std::string& inside) {
        return answering({.body = "<ListBucketResult>" + inside + "</ListBucketResult>"});
    };
    const std::string again = "<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>";
    const auto object = [](const std::string& key) {
        return fmt::format("<Contents><Key>pre/fix/{}</Key><Size>1</Size></Contents>", key);
    };
    const std::vector<std::vector<FakeS3::Intervention>> scripts{
        {page(again), page(again)},
        {page(object("b") + object("a"))},
        {page(again + object("a")), page(object("a"))},
        {page("<IsTruncated>true</IsTruncated>")},
        {answering({.body = "<html><body>Welcome</body></html>"})},
        {answering({.body = std::string(5'000'000, ' ')})},
    };
    for (const auto& script : scripts) {
        s3_.intervene(script);
        const auto listed = store()->list(
            "", "", [](auto) { return true; }, kCall);
        ASSERT_FALSE(listed);
        EXPECT_EQ(listed.error().reason, Reason::kStorageReplyInvalid) << listed.error().message;
    }
}

TEST_F(S3FaultsTest, VersionsAreTold) {
    s3_.set({.versioned = true});
    EXPECT_EQ(*store()->remove("k", kCall), Removal::kHidden);
}

TEST_F(S3FaultsTest, ARemovalThatALockRefusesIsAnAnswer) {
    s3_.hold("pre/fix/k", "x");
    s3_.set({.locks_all = true});
    EXPECT_EQ(*store()->remove("k", kCall), Removal::kHeld);
    EXPECT_EQ(s3_.held("pre/fix/k"), "x");
}

TEST_F(S3FaultsTest, ASilentServerIsLeftAtTheDeadlineOrAStop) {
    s3_.intervene({answering({.fault = HttpFault::kSilent}), answering({.fault = HttpFault::kSilent})});
    const auto start = std::chrono::steady_clock::now();
    const auto late = store()->put("k", bytes_of("x"), {.deadline = base::Deadline::after(milliseconds(300))});
    EXPECT_EQ(late.error().code, ErrorCode::kDeadline);
    EXPECT_EQ(late.error().reason, Reason::kStorageUnavailable);
    std::stop_source stop;
    const std::jthread stopper([&] {
        std::this_thread::sleep_for(milliseconds(100));
        stop.request_stop();
    });
    const auto stopped = store()->put("k", bytes_of("x"), {.deadline = kCall.deadline, .stop = stop.get_token()});
    EXPECT_EQ(stopped.error().code, ErrorCode::kCancelled);
    EXPECT_LT(std::chrono::steady_clock::now() - start, seconds(5));
}

TEST_F(S3FaultsTest, AStopEndsAWaitBetweenTries) {
    auto later = s3_error(503, "SlowDown");
    later.headers.emplace_back("Retry-After", "60");
    s3_.intervene({answering(later)});
    std::stop_source stop;
    const std::jthread stopper([&] {
        std::this_thread::sleep_for(milliseconds(100));
        stop.request_stop();
    });
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(store()->put("k", {}, {.deadline = kCall.deadline, .stop = stop.get_token()}).error().code,
              ErrorCode::kCancelled);
    EXPECT_LT(std::chrono::steady_clock::now() - start, seconds(5));
}

TEST_F(S3FaultsTest, SilenceEndsARequestAndItIsTriedAgain) {
    s3_.intervene({answering({.fault = HttpFault::kSilent})});
    const auto impatient =
        s3_test_store({.port = server_.port(), .transport = {.allow_insecure = true, .silence_timeout = seconds(1)}});
    const auto put = impatient->put("k", bytes_of("x"), kCall);
    EXPECT_TRUE(put) << put.error().message;
    EXPECT_EQ(server_.calls(), 2);
}

TEST_F(S3FaultsTest, WhatFailedBeforeTheDeadlineIsTold) {
    s3_.intervene({answering(s3_error(500, "InternalError")), answering({.fault = HttpFault::kSilent})});
    const auto put = store()->put("k", bytes_of("x"), {.deadline = base::Deadline::after(seconds(1))});
    EXPECT_EQ(put.error().reason, Reason::kStorageUnavailable);
    EXPECT_THAT(put.error().message, HasSubstr("given up at the deadline: PutObject of pre/fix/k in bucket bucket: 500 "
                                               "InternalError"));
}

TEST_F(S3FaultsTest, AConnectionServesManyRequests) {
    const auto one = store();
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(one->put(fmt::format("{}", i), bytes_of("x"), kCall));
    EXPECT_EQ(server_.connections(), 1);
}

TEST(S3EarlyReply, ARefusalBeforeTheBodyIsTaken) {
    testing::ScriptedHttpServer server([](const HttpCall&) { return HttpAnswer{}; },
                                       [](const HttpCall&) { return std::optional(s3_error(403, "AccessDenied")); });
    const auto store = s3_test_store({.port = server.port()});
    const std::vector<std::byte> body(8'000'000);
    const auto put = store->put("k", body, kCall);
    ASSERT_FALSE(put);
    EXPECT_EQ(put.error().reason, Reason::kStorageAccessDenied) << put.error().message;
    EXPECT_EQ(server.calls(), 1);
}

}  // namespace
}  // namespace n4b::object_store
