#include "backup-runner/s3/request.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backup-runner/s3/digest.hpp"
#include "common/base/rfc3339.hpp"

namespace n4b::s3 {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

const Credentials kKey{.key_id = "AKIDEXAMPLE000000000", .secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"};
const auto kNow = *base::parse_rfc3339("2026-11-22T21:50:49Z");
const Payload kEmpty{.sha256 = sha256_hex(std::string_view())};

LocationOptions minio() {
    return {.endpoint = "https://minio.example:9000", .bucket = "backups", .prefix = "prod", .region = "eu-central-1"};
}

std::string value_of(const std::vector<Field>& headers, const std::string& name) {
    for (const auto& header : headers) {
        if (header.name == name) return header.value;
    }
    return "none";
}

std::string url_of(const LocationOptions& options) {
    const auto location = make_location(options);
    if (!location) return location.error().message;
    return sign(*location, put_object(*location, "x"), kEmpty, kKey, kNow).url;
}

TEST(Location, EachAddressingHasItsUrl) {
    EXPECT_EQ(url_of(minio()), "https://minio.example:9000/backups/prod/x");
    auto options = minio();
    options.addressing = Addressing::kVirtualHost;
    EXPECT_EQ(url_of(options), "https://backups.minio.example:9000/prod/x");
    EXPECT_EQ(url_of({.bucket = "backups", .region = "eu-central-1"}),
              "https://backups.s3.eu-central-1.amazonaws.com/x");
    EXPECT_EQ(url_of({.bucket = "backups", .region = "cn-north-1"}),
              "https://backups.s3.cn-north-1.amazonaws.com.cn/x");
    EXPECT_EQ(url_of({.bucket = "backups", .region = "eu-central-1", .addressing = Addressing::kPath}),
              "https://s3.eu-central-1.amazonaws.com/backups/x");
}

TEST(Location, ABucketWithDotsIsAddressedByPath) {
    EXPECT_EQ(url_of({.bucket = "my.backups", .region = "eu-central-1"}),
              "https://s3.eu-central-1.amazonaws.com/my.backups/x");
    EXPECT_THAT(url_of({.bucket = "my.backups", .region = "eu-central-1", .addressing = Addressing::kVirtualHost}),
                HasSubstr("bucket: found \"my.backups\""));
}

TEST(Location, TheUsualPortIsLeftOut) {
    auto options = minio();
    options.endpoint = "https://minio.example:443/";
    EXPECT_EQ(url_of(options), "https://minio.example/backups/prod/x");
    options.endpoint = "https://[::1]:9000";
    EXPECT_EQ(url_of(options), "https://[::1]:9000/backups/prod/x");
    options.endpoint = "https://[::1]";
    EXPECT_EQ(url_of(options), "https://[::1]/backups/prod/x");
}

TEST(Location, ClearTextHasToBeAllowed) {
    auto options = minio();
    options.endpoint = "http://minio.example:9000";
    EXPECT_THAT(url_of(options), HasSubstr("clear text"));
    options.allow_insecure = true;
    EXPECT_EQ(url_of(options), "http://minio.example:9000/backups/prod/x");
}

TEST(Location, WhatCannotBeRightIsNamed) {
    const auto refused = [](auto change) {
        auto options = minio();
        change(options);
        const auto location = make_location(options);
        EXPECT_FALSE(location);
        if (location) return std::string();
        EXPECT_EQ(location.error().reason, base::Reason::kInvalidRunSpec);
        return location.error().message.substr(0, location.error().message.find(':'));
    };
    for (const auto* endpoint :
         {"minio:9000", "ftp://minio", "https://", "https://minio/path", "https://minio:0", "https://minio:70000",
          "https://minio:", "https://a b", "https://[::1", "https://m?x"}) {
        EXPECT_EQ(refused([&](auto& o) { o.endpoint = endpoint; }), "endpoint") << endpoint;
    }
    for (const auto* bucket : {"", "ab", "Upper", "a_b", "-ab", "ab-", "a..b", "a/b"}) {
        EXPECT_EQ(refused([&](auto& o) { o.bucket = bucket; }), "bucket") << bucket;
    }
    for (const auto* prefix : {"/a", "a//b", "../a", "a/./b", "a\nb"}) {
        EXPECT_EQ(refused([&](auto& o) { o.prefix = prefix; }), "prefix") << prefix;
    }
    EXPECT_EQ(refused([](auto& o) { o.region = "eu central"; }), "region");
    EXPECT_EQ(refused([](auto& o) { o.region = o.endpoint = ""; }), "region");
    EXPECT_EQ(refused([](auto& o) { o.kms_key_id = "k1"; }), "KMS key id");
    EXPECT_EQ(refused([](auto& o) {
                  o.endpoint = "https://10.0.0.1:9000";
                  o.addressing = Addressing::kVirtualHost;
              }),
              "endpoint");
}

TEST(Location, APasswordInAnEndpointIsNotRepeated) {
    auto options = minio();
    options.endpoint = "https://user:geheim@minio";
    EXPECT_THAT(make_location(options).error().message, Not(HasSubstr("geheim")));
}

TEST(Key, TakesWhatEveryStoreTakes) {
    for (const auto* good : {"a", "a/b.c-d_e/f g+h", "\xC3\xA4", ".a", "a.."}) EXPECT_TRUE(check_key(good)) << good;
    for (const auto* bad : {"", "/a", "a/", "a//b", ".", "a/..", "../a", "a\x01", "a\x7f"}) {
        EXPECT_FALSE(check_key(bad)) << bad;
    }
    EXPECT_TRUE(check_key(std::string(900, 'k')));
    EXPECT_FALSE(check_key(std::string(901, 'k')));
}

TEST(Request, ListIsTheSignedVector) {
    auto options = minio();
    options.prefix = "";
    const auto location = *make_location(options);
    const auto request = sign(location, list_objects(location, "prod/a b/", {}, 1000), kEmpty, kKey, kNow);
    EXPECT_EQ(request.method, "GET");
    EXPECT_EQ(request.url,
              "https://minio.example:9000/backups?encoding-type=url&list-type=2&max-keys=1000&prefix=prod%2Fa%20b%2F");
    EXPECT_THAT(value_of(request.headers, "authorization"),
                HasSubstr("02d38e67756a3e7b200fca1445a623713d1bfbe4819ae8335101cfebdae66a57"));
}

TEST(Request, APageGoesOnByItsTokenElseByTheKey) {
    const auto location = *make_location(minio());
    EXPECT_THAT(list_objects(location, "", {.after = "prod/a", .continuation = "t="}, 10).query,
                Contains(Field{"continuation-token", "t="}));
    EXPECT_THAT(list_objects(location, "", {.after = "prod/a"}, 10).query, Contains(Field{"start-after", "prod/a"}));
}

TEST(Request, OnlyCreateIsConditional) {
    const auto location = *make_location(minio());
    EXPECT_THAT(create_object(location, "x").headers, Contains(Field{"if-none-match", "*"}));
    EXPECT_THAT(put_object(location, "x").headers, Not(Contains(Field{"if-none-match", "*"})));
}

TEST(Request, BytesAreAskedForByTheirPlaces) {
    const auto location = *make_location(minio());
    EXPECT_THAT(get_object(location, "x", 100, 50).headers, Contains(Field{"range", "bytes=100-149"}));
}

TEST(Request, TokenAndEncryptionAreSigned) {
    auto options = minio();
    options.encryption = Encryption::kKms;
    options.kms_key_id = "k1";
    const auto location = *make_location(options);
    auto key = kKey;
    key.session_token = "TOKEN==";
    const auto request = sign(location, put_object(location, "x"), kEmpty, key, kNow);
    EXPECT_EQ(value_of(request.headers, "x-amz-security-token"), "TOKEN==");
    EXPECT_EQ(value_of(request.headers, "x-amz-server-side-encryption"), "aws:kms");
    EXPECT_THAT(value_of(request.headers, "authorization"),
                HasSubstr("SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token;"
                          "x-amz-server-side-encryption;x-amz-server-side-encryption-aws-kms-key-id,"));
    const auto plain = sign(location, get_object(location, "x", 0, 1), kEmpty, kKey, kNow);
    EXPECT_EQ(value_of(plain.headers, "x-amz-security-token"), "none");
    EXPECT_EQ(value_of(plain.headers, "x-amz-server-side-encryption"), "none");
}

TEST(Request, WhatIsStoredUnderALockSaysUntilWhen) {
    auto options = minio();
    options.lock = {.mode = LockMode::kGovernance, .time = std::chrono::days(30)};
    const auto location = *make_location(options);
    const auto body = std::as_bytes(std::span("hello", 5));
    const Payload payload{.sha256 = sha256_hex(body), .md5_base64 = md5_base64(body)};
    for (const auto& operation : {put_object(location, "x"), create_object(location, "x")}) {
        ASSERT_TRUE(is_locked(location, operation));
        const auto request = sign(location, operation, payload, kKey, kNow);
        EXPECT_EQ(value_of(request.headers, "x-amz-object-lock-mode"), "GOVERNANCE");
        EXPECT_EQ(value_of(request.headers, "x-amz-object-lock-retain-until-date"), "2026-12-22T21:50:49Z");
        EXPECT_EQ(value_of(request.headers, "content-md5"), "XUFAKrxLKna5cZ2REBfFkg==");
        EXPECT_THAT(value_of(request.headers, "authorization"), HasSubstr("content-md5;host;"))
            << "nobody can strip what is signed";
    }
    for (const auto& operation : {get_object(location, "x", 0, 1), delete_object(location, "x")}) {
        EXPECT_FALSE(is_locked(location, operation));
        EXPECT_EQ(value_of(sign(location, operation, kEmpty, kKey, kNow).headers, "x-amz-object-lock-mode"), "none");
    }
    options.lock.mode = LockMode::kCompliance;
    const auto strict = *make_location(options);
    EXPECT_EQ(value_of(sign(strict, put_object(strict, "x"), payload, kKey, kNow).headers, "x-amz-object-lock-mode"),
              "COMPLIANCE");
    options.lock.time = std::chrono::days(0);
    EXPECT_THAT(make_location(options).error().message, HasSubstr("object lock: found \"0\""));
}

}  // namespace
}  // namespace n4b::s3
