#include "backup-runner/s3/failure.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backup-runner/s3/retry.hpp"

namespace n4b::s3 {
namespace {

using base::Reason;
using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::Not;

const Location kLocation =
    *make_location({.endpoint = "https://minio.example", .bucket = "backups", .prefix = "p", .region = "eu-central-1"});

std::string error(const std::string& code, const std::string& more = {}) {
    return fmt::format("<Error><Code>{}</Code><Message>m</Message>{}</Error>", code, more);
}

enum class Asked { kCreate, kPut, kGet, kHead, kList, kDelete };

Operation operation_of(Asked asked) {
    switch (asked) {
        case Asked::kCreate:
            return create_object(kLocation, "x");
        case Asked::kPut:
            return put_object(kLocation, "x");
        case Asked::kGet:
            return get_object(kLocation, "x", 0, 1);
        case Asked::kHead:
            return head_object(kLocation, "x");
        case Asked::kList:
            return list_objects(kLocation, "", {}, 1);
        case Asked::kDelete:
            return delete_object(kLocation, "x");
    }
    return {};
}

struct Case {
    Asked asked;
    int status;
    std::string body;
    FailureKind kind;
    Reason reason;
};

TEST(Failure, CodesDecideBeforeStatuses) {
    const std::vector<Case> cases{
        {Asked::kPut, 503, error("SlowDown"), FailureKind::kThrottled, Reason::kStorageThrottled},
        {Asked::kPut, 503, error("ServiceUnavailable"), FailureKind::kTransient, Reason::kStorageUnavailable},
        {Asked::kPut, 500, error("InternalError"), FailureKind::kTransient, Reason::kStorageUnavailable},
        {Asked::kPut, 400, error("RequestTimeout"), FailureKind::kTransient, Reason::kStorageUnavailable},
        {Asked::kPut, 400, error("BadDigest"), FailureKind::kDamaged, Reason::kStorageUnavailable},
        {Asked::kPut, 400, error("XAmzContentSHA256Mismatch"), FailureKind::kDamaged, Reason::kStorageUnavailable},
        {Asked::kPut, 400, error("ExpiredToken"), FailureKind::kCredentials, Reason::kStorageCredentialsRejected},
        {Asked::kPut, 403, error("InvalidAccessKeyId"), FailureKind::kCredentials, Reason::kStorageCredentialsRejected},
        {Asked::kGet, 404, error("XAdminUserNotFound"), FailureKind::kCredentials, Reason::kStorageCredentialsRejected},
        {Asked::kGet, 404, error("NoSuchTenant"), FailureKind::kPermanent, Reason::kStorageReplyInvalid},
        {Asked::kPut, 403, error("SignatureDoesNotMatch"), FailureKind::kCredentials,
         Reason::kStorageSignatureMismatch},
        {Asked::kPut, 403, error("RequestTimeTooSkewed"), FailureKind::kClock, Reason::kStorageClockSkewed},
        {Asked::kPut, 403, error("AccessDenied"), FailureKind::kPermanent, Reason::kStorageAccessDenied},
        {Asked::kPut, 404, error("NoSuchBucket"), FailureKind::kPermanent, Reason::kBucketNotFound},
        {Asked::kPut, 507, error("XMinioStorageFull"), FailureKind::kPermanent, Reason::kStorageFull},
        {Asked::kPut, 405, error("MethodNotAllowed"), FailureKind::kPermanent, Reason::kStorageReadOnly},
        {Asked::kGet, 405, error("MethodNotAllowed"), FailureKind::kPermanent, Reason::kStorageOperationUnsupported},
        {Asked::kGet, 404, error("NoSuchKey"), FailureKind::kNotFound, Reason::kArtifactNotFound},
        {Asked::kGet, 416, error("InvalidRange"), FailureKind::kBeyondEnd, Reason::kStorageReplyInvalid},
        {Asked::kCreate, 412, error("PreconditionFailed"), FailureKind::kTaken, Reason::kArtifactConflict},
        {Asked::kCreate, 409, error("ConditionalRequestConflict"), FailureKind::kTransient,
         Reason::kStorageUnavailable},
        {Asked::kCreate, 501, error("NotImplemented"), FailureKind::kPermanent, Reason::kStorageOperationUnsupported},
        {Asked::kCreate, 400, error("InvalidRequest"), FailureKind::kPermanent, Reason::kStorageOperationUnsupported},
        {Asked::kPut, 301, error("PermanentRedirect"), FailureKind::kPermanent, Reason::kStorageRegionWrong},
    };
    for (const auto& c : cases) {
        const auto failure = explain(kLocation, operation_of(c.asked), {.status = c.status, .body = c.body});
        EXPECT_EQ(failure.kind, c.kind) << c.body;
        EXPECT_EQ(failure.error.reason, c.reason) << c.body;
    }
}

TEST(Failure, ALockedObjectIsTellableFromADenial) {
    const auto kind_of = [](Asked asked, int status, const std::string& code, const std::string& message) {
        const auto body = fmt::format("<Error><Code>{}</Code><Message>{}</Message></Error>", code, message);
        return explain(kLocation, operation_of(asked), {.status = status, .body = body}).kind;
    };
    EXPECT_EQ(kind_of(Asked::kDelete, 400, "InvalidRequest", "Object is WORM protected and cannot be overwritten"),
              FailureKind::kHeld);
    EXPECT_EQ(kind_of(Asked::kDelete, 403, "AccessDenied", "Access Denied because object protected by object lock."),
              FailureKind::kHeld);
    EXPECT_EQ(kind_of(Asked::kDelete, 403, "AccessDenied", "Access Denied."), FailureKind::kPermanent);
    EXPECT_EQ(kind_of(Asked::kPut, 400, "InvalidRequest", "Object is WORM protected and cannot be overwritten"),
              FailureKind::kPermanent);
}

TEST(Failure, StatusesDecideWhereThereIsNoCode) {
    const std::vector<Case> cases{
        {Asked::kHead, 404, "", FailureKind::kNotFound, Reason::kArtifactNotFound},
        {Asked::kHead, 403, "", FailureKind::kPermanent, Reason::kStorageAccessDenied},
        {Asked::kHead, 503, "", FailureKind::kTransient, Reason::kStorageUnavailable},
        {Asked::kPut, 429, "", FailureKind::kThrottled, Reason::kStorageThrottled},
        {Asked::kPut, 502, "<html>", FailureKind::kTransient, Reason::kStorageUnavailable},
        {Asked::kPut, 501, "", FailureKind::kPermanent, Reason::kStorageOperationUnsupported},
        {Asked::kPut, 507, "", FailureKind::kPermanent, Reason::kStorageFull},
        {Asked::kCreate, 412, "", FailureKind::kTaken, Reason::kArtifactConflict},
        {Asked::kCreate, 304, "", FailureKind::kTaken, Reason::kArtifactConflict},
        {Asked::kCreate, 409, "", FailureKind::kTaken, Reason::kArtifactConflict},
        {Asked::kPut, 409, "", FailureKind::kTransient, Reason::kStorageUnavailable},
        {Asked::kPut, 307, "", FailureKind::kPermanent, Reason::kStorageRegionWrong},
        {Asked::kGet, 404, "<html>", FailureKind::kPermanent, Reason::kStorageReplyInvalid},
        {Asked::kDelete, 404, "", FailureKind::kPermanent, Reason::kStorageReplyInvalid},
        {Asked::kList, 404, "<html>", FailureKind::kPermanent, Reason::kStorageReplyInvalid},
        {Asked::kList, 302, "", FailureKind::kPermanent, Reason::kStorageReplyInvalid},
        {Asked::kPut, 400, "nginx", FailureKind::kPermanent, Reason::kStorageReplyInvalid},
        {Asked::kPut, 200, "", FailureKind::kPermanent, Reason::kStorageReplyInvalid},
    };
    for (const auto& c : cases) {
        const auto failure = explain(kLocation, operation_of(c.asked), {.status = c.status, .body = c.body});
        EXPECT_EQ(failure.kind, c.kind) << c.status;
        EXPECT_EQ(failure.error.reason, c.reason) << c.status;
    }
}

TEST(Failure, NamesTheRightRegion) {
    const auto message = [](Reply reply) {
        const auto failure = explain(kLocation, operation_of(Asked::kHead), reply);
        EXPECT_EQ(failure.error.reason, Reason::kStorageRegionWrong);
        return failure.error.message;
    };
    EXPECT_THAT(message({.status = 400, .body = error("AuthorizationHeaderMalformed", "<Region>eu-west-1</Region>")}),
                HasSubstr("the bucket's region is eu-west-1, not eu-central-1"));
    EXPECT_THAT(message({.status = 400, .headers = {{"x-amz-bucket-region", "eu-west-1"}}}),
                HasSubstr("the bucket's region is eu-west-1"));
    EXPECT_THAT(message({.status = 307, .headers = {{"location", "https://other.example/x?X-Amz-Signature=abc"}}}),
                HasSubstr("it points to https://other.example/x"));
    EXPECT_THAT(message({.status = 307, .headers = {{"location", "https://other.example/x?X-Amz-Signature=abc"}}}),
                Not(HasSubstr("Signature")));
}

TEST(Failure, NamesTheOperationItsKeyAndTheStoragesWords) {
    const auto failure = explain(kLocation, operation_of(Asked::kDelete),
                                 {.status = 403, .body = error("AccessDenied", "<RequestId>R1</RequestId>")});
    EXPECT_EQ(failure.error.message, "DeleteObject of p/x in bucket backups: 403 AccessDenied: m (request id R1)");
}

TEST(Failure, CarriesRetryAfter) {
    const auto failure =
        explain(kLocation, operation_of(Asked::kPut), {.status = 503, .headers = {{"retry-after", "3"}}});
    EXPECT_EQ(failure.kind, FailureKind::kThrottled);
    EXPECT_EQ(failure.error.retry_after, milliseconds(3000));
}

TEST(Retry, WaitsDoubleUpToTheirCap) {
    const auto wait = [](int failures) {
        return wait_before_retry(FailureKind::kTransient, {.failures = failures, .max = 20}, std::nullopt, 0.5);
    };
    EXPECT_EQ(wait(1), milliseconds(250));
    EXPECT_EQ(wait(2), milliseconds(500));
    EXPECT_EQ(wait(10), milliseconds(10'000));
}

TEST(Retry, HonoursRetryAfterWithinReason) {
    const auto wait = [](milliseconds asked) {
        return wait_before_retry(FailureKind::kThrottled, {.failures = 1}, asked, 0.5);
    };
    EXPECT_EQ(wait(milliseconds(5'000)), milliseconds(5'000));
    EXPECT_EQ(wait(milliseconds(1)), milliseconds(250));
    EXPECT_EQ(wait(milliseconds(3'600'000)), kLongestRetryAfter);
}

TEST(Retry, EndsSomeTime) {
    for (const auto kind : {FailureKind::kTransient, FailureKind::kThrottled}) {
        EXPECT_TRUE(wait_before_retry(kind, {.failures = kMaxTries - 1}, std::nullopt, 0));
        EXPECT_FALSE(wait_before_retry(kind, {.failures = kMaxTries}, std::nullopt, 0));
    }
    EXPECT_TRUE(wait_before_retry(FailureKind::kDamaged, {.failures = kMaxDamaged - 1}, std::nullopt, 0));
    EXPECT_FALSE(wait_before_retry(FailureKind::kDamaged, {.failures = kMaxDamaged}, std::nullopt, 0));
    for (const auto kind :
         {FailureKind::kPermanent, FailureKind::kTaken, FailureKind::kNotFound, FailureKind::kBeyondEnd}) {
        EXPECT_FALSE(wait_before_retry(kind, {.failures = 1}, std::nullopt, 0));
    }
}

TEST(Retry, CredentialsAndClockHelpWhenTheyAreOthers) {
    const auto retried = [](FailureKind kind, Tries tries) {
        return wait_before_retry(kind, tries, std::nullopt, 0.9) == milliseconds(0);
    };
    EXPECT_TRUE(retried(FailureKind::kCredentials, {.failures = 1, .credentials_changed = true}));
    EXPECT_FALSE(
        retried(FailureKind::kCredentials, {.failures = 2, .credentials_changed = true, .credentials_again = true}));
    EXPECT_FALSE(retried(FailureKind::kHeld, {.failures = 1}));
    EXPECT_FALSE(retried(FailureKind::kCredentials, {.failures = 1}));
    EXPECT_TRUE(retried(FailureKind::kClock, {.failures = 1, .clock_known = true}));
    EXPECT_FALSE(retried(FailureKind::kClock, {.failures = 1}));
    EXPECT_FALSE(retried(FailureKind::kClock, {.failures = 2, .clock_known = true, .clock_used = true}));
}

}  // namespace
}  // namespace n4b::s3
