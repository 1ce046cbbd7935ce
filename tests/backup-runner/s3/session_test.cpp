#include "backup-runner/s3/session.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/rfc3339.hpp"

namespace n4b::s3 {
namespace {

using base::ErrorCode;
using base::Reason;
using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::chrono_literals;

std::string assumed(const std::string& credentials) {
    return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<AssumeRoleWithWebIdentityResponse "
           "xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleWithWebIdentityResult>"
           "<AssumedRoleUser><Arn></Arn></AssumedRoleUser><Credentials>" +
           credentials + "</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>";
}

const std::string kAssumed = assumed(
    "<AccessKeyId>ID</AccessKeyId><SecretAccessKey>geheim</SecretAccessKey>"
    "<Expiration>2026-11-26T18:00:00Z</Expiration><SessionToken>T==</SessionToken>");

TEST(AssumedRole, IsRead) {
    const auto session = parse_assumed_role(kAssumed);
    ASSERT_TRUE(session) << session.error().message;
    EXPECT_EQ(session->credentials, (Credentials{.key_id = "ID", .secret = "geheim", .session_token = "T=="}));
    EXPECT_EQ(session->expires, *base::parse_rfc3339("2026-11-26T18:00:00Z"));
}

TEST(AssumedRole, MayLiveForEver) {
    const auto session =
        parse_assumed_role(assumed("<AccessKeyId>ID</AccessKeyId><SecretAccessKey>geheim</SecretAccessKey>"));
    ASSERT_TRUE(session) << session.error().message;
    EXPECT_FALSE(session->expires);
}

TEST(AssumedRole, AnythingElseIsRefusedWithoutItsText) {
    const std::string key = "<AccessKeyId>ID</AccessKeyId>";
    const std::string secret = "<SecretAccessKey>geheim</SecretAccessKey>";
    for (const auto& [text, told] : {
             std::pair(std::string("<html>geheim</html>"),
                       "found <html>, expected <AssumeRoleWithWebIdentityResponse>"),
             std::pair(std::string(""), "before byte 0"),
             std::pair(assumed(secret), "found no AccessKeyId"),
             std::pair(assumed(key), "found no SecretAccessKey"),
             std::pair(assumed(key + "<SecretAccessKey>geheim\n</SecretAccessKey>"), "printable ASCII"),
             std::pair(assumed(key + secret + "<Expiration>soon</Expiration>"), "Expiration: found \"soon\""),
             std::pair(kAssumed.substr(0, kAssumed.size() / 2), "byte"),
         }) {
        const auto session = parse_assumed_role(text);
        ASSERT_FALSE(session) << text;
        EXPECT_EQ(session.error().reason, Reason::kStorageReplyInvalid);
        EXPECT_THAT(session.error().message, HasSubstr(told));
        EXPECT_THAT(session.error().message, Not(HasSubstr("geheim")));
    }
}

TEST(AgentsSession, IsRead) {
    const auto session = parse_session(
        R"({"Code":"Success","AccessKeyId":"ID","SecretAccessKey":"geheim","Token":"T==","Expiration":"2026-11-26T18:00:00Z"})");
    ASSERT_TRUE(session) << session.error().message;
    EXPECT_EQ(session->credentials, (Credentials{.key_id = "ID", .secret = "geheim", .session_token = "T=="}));
    EXPECT_EQ(session->expires, *base::parse_rfc3339("2026-11-26T18:00:00Z"));
}

TEST(AgentsSession, AnythingElseIsRefusedWithoutItsText) {
    for (const auto& [text, told] : {
             std::pair("geheim", "found no JSON"),
             std::pair("[\"geheim\"]", "found array, expected an object"),
             std::pair(R"({"SecretAccessKey":"geheim"})", "found no AccessKeyId"),
             std::pair(R"({"AccessKeyId":7,"SecretAccessKey":"geheim"})", "AccessKeyId: found number"),
             std::pair(R"({"AccessKeyId":"ID","SecretAccessKey":"geheim","Token":"a b"})", "printable ASCII"),
         }) {
        const auto session = parse_session(text);
        ASSERT_FALSE(session) << text;
        EXPECT_EQ(session.error().reason, Reason::kStorageReplyInvalid);
        EXPECT_THAT(session.error().message, HasSubstr(told));
        EXPECT_THAT(session.error().message, Not(HasSubstr("geheim")));
    }
}

TEST(TokenService, IsAskedWithAForm) {
    const auto asked = assume_role("https://sts.eu-central-1.amazonaws.com",
                                   {.role_arn = "arn:aws:iam::1:role/b", .session_name = "s", .token = "a.b-c_d"});
    EXPECT_EQ(asked.request.method, "POST");
    EXPECT_EQ(asked.request.url, "https://sts.eu-central-1.amazonaws.com/");
    EXPECT_EQ(asked.body,
              "Action=AssumeRoleWithWebIdentity&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fb&RoleSessionName=s&"
              "Version=2011-06-15&WebIdentityToken=a.b-c_d");
    EXPECT_THAT(assume_role("https://x", {.session_name = "s", .token = "t"}).body, Not(HasSubstr("RoleArn")));
}

TEST(TokenService, IsAmazonsOfTheRegionOrTheStoragesOwn) {
    const auto usual = [](LocationOptions options) {
        options.bucket = "backups";
        options.allow_insecure = true;
        return usual_token_service(*make_location(options));
    };
    EXPECT_EQ(usual({.region = "eu-central-1"}), "https://sts.eu-central-1.amazonaws.com");
    EXPECT_EQ(usual({.region = "cn-north-1"}), "https://sts.cn-north-1.amazonaws.com.cn");
    EXPECT_EQ(usual({.endpoint = "https://s3.dualstack.eu-west-1.amazonaws.com", .region = "eu-west-1"}),
              "https://sts.eu-west-1.amazonaws.com");
    EXPECT_EQ(usual({.endpoint = "http://minio:9000"}), "http://minio:9000");
    EXPECT_EQ(usual({.endpoint = "https://minio:9000", .addressing = Addressing::kVirtualHost}), "https://minio:9000");
    EXPECT_EQ(usual({.endpoint = "https://amazonaws.com.evil.example"}), "https://amazonaws.com.evil.example");
}

TEST(TokenService, EachRefusalHasItsReason) {
    const auto explain = [](int status, const std::string& code) {
        return explain_no_session("the token service https://sts",
                                  {.status = status,
                                   .body = code.empty() ? "plain text"
                                                        : "<ErrorResponse><Error><Code>" + code +
                                                              "</Code><Message>why</Message></Error>"
                                                              "<RequestId>r</RequestId></ErrorResponse>"});
    };
    struct Case {
        int status;
        const char* code;
        ErrorCode expected;
        Reason reason;
    };
    for (const auto& c : {
             Case{400, "ExpiredTokenException", ErrorCode::kUnauthenticated, Reason::kStorageCredentialsRejected},
             Case{400, "InvalidIdentityToken", ErrorCode::kUnauthenticated, Reason::kStorageCredentialsRejected},
             Case{403, "AccessDenied", ErrorCode::kUnauthenticated, Reason::kStorageCredentialsRejected},
             Case{400, "InvalidParameterValue", ErrorCode::kUnauthenticated, Reason::kStorageCredentialsRejected},
             Case{400, "IDPCommunicationError", ErrorCode::kUnavailable, Reason::kStorageUnavailable},
             Case{400, "Throttling", ErrorCode::kThrottled, Reason::kStorageThrottled},
             Case{429, "", ErrorCode::kThrottled, Reason::kStorageThrottled},
             Case{503, "", ErrorCode::kUnavailable, Reason::kStorageUnavailable},
             Case{401, "", ErrorCode::kUnauthenticated, Reason::kStorageCredentialsRejected},
             Case{301, "", ErrorCode::kInvalid, Reason::kStorageReplyInvalid},
             Case{404, "", ErrorCode::kInvalid, Reason::kStorageReplyInvalid},
             Case{405, "MethodNotAllowed", ErrorCode::kInvalid, Reason::kStorageReplyInvalid},
         }) {
        const auto error = explain(c.status, c.code);
        EXPECT_EQ(error.code, c.expected) << error.message;
        EXPECT_EQ(error.reason, c.reason) << error.message;
    }
    EXPECT_EQ(explain(400, "ExpiredTokenException").message,
              "the token service https://sts: 400 ExpiredTokenException: why");
    EXPECT_EQ(explain(401, "").message, "the token service https://sts: 401: plain text");
}

TEST(SessionFreshness, IsAQuestionOfWhatIsLeft) {
    EXPECT_EQ(freshness_of(59min, 60min), Freshness::kFresh);
    EXPECT_EQ(freshness_of(10min, 60min), Freshness::kDue);
    EXPECT_EQ(freshness_of(31s, 60min), Freshness::kDue);
    EXPECT_EQ(freshness_of(30s, 60min), Freshness::kOver);
    EXPECT_EQ(freshness_of(61s, 2min), Freshness::kFresh);
    EXPECT_EQ(freshness_of(60s, 2min), Freshness::kDue);
    EXPECT_EQ(freshness_of(15s, 2min), Freshness::kOver);
    EXPECT_EQ(freshness_of(0s, 0s), Freshness::kOver);
    EXPECT_EQ(freshness_of(-1h, -1h), Freshness::kOver);
}

TEST(AgentsUrl, IsNearOrOverTls) {
    for (const char* url :
         {"https://anywhere.example/x", "http://127.0.0.1:80/x", "http://localhost/x", "http://169.254.170.2/v2",
          "http://169.254.170.23/v1/credentials", "http://[fd00:ec2::23]/v1/credentials", "http://[::1]:1338"}) {
        EXPECT_TRUE(is_agents_url(url)) << url;
    }
    for (const char* url : {"http://evil.example/x", "http://169.254.169.254/x", "http://127.0.0.1@evil.example/",
                            "http://localhost.evil.example/", "ftp://127.0.0.1/", "", "http://", "http://[fd00::1]/",
                            "http://127.0.0.1:80@evil.example/"}) {
        EXPECT_FALSE(is_agents_url(url)) << url;
    }
}

}  // namespace
}  // namespace n4b::s3
