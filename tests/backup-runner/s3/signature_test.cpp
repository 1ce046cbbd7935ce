#include "backup-runner/s3/signature.hpp"

#include <gtest/gtest.h>

#include "backup-runner/s3/digest.hpp"
#include "backup-runner/s3/percent.hpp"
#include "common/base/rfc3339.hpp"

namespace n4b::s3 {
namespace {

const Credentials kKey{.key_id = "AKIDEXAMPLE000000000", .secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"};
constexpr char kDate[] = "20261122T215049Z";
constexpr char kMinio[] = "minio.example:9000";

/// A request whose signature botocore has computed at a fixed clock.
struct Vector {
    const char* name;
    std::string method;
    std::string path;  ///< Not encoded.
    std::vector<Field> query;
    std::string payload_hash;
    std::vector<Field> headers;
    std::string canonical_hash;  ///< Empty: not known.
    std::string signature;
    std::string host = kMinio;
    std::string region = "eu-central-1";
};

const std::string kEmpty = sha256_hex(std::string_view());
const std::string kHello = sha256_hex(std::string_view("hello"));

const std::vector<Vector> kVectors{
    {"V1",
     "GET",
     "/backups",
     {{"list-type", "2"}, {"prefix", "prod/a b/"}, {"max-keys", "1000"}, {"encoding-type", "url"}},
     kEmpty,
     {},
     "ae96e6376e23f725b714690d01bb7a001befc07027e6a4210c2315d3d9059d2f",
     "02d38e67756a3e7b200fca1445a623713d1bfbe4819ae8335101cfebdae66a57"},
    {"V2",
     "PUT",
     "/backups/prod/neo4j/graph.db/20261122T215049Z-3f9c21/0000-full/manifest.json",
     {},
     sha256_hex(std::string_view("{\"schema\":1}\n")),
     {{"content-type", "application/json"}, {"if-none-match", "*"}},
     "cd99d3623fc5434f9ad1b10d718b0ea4f3e526a7580b6d3366f5c5ce4c7e88e9",
     "f1424920428def399d7ecdbc6d1b13140d1703ca72acd36aa48f99284ef8c486"},
    {"V3",
     "PUT",
     "/backups/a+b/\xC3\xA4 ~x(1).zst",
     {},
     kHello,
     {},
     "71c311617aa41090fd3818066d5f77ca3a9ac22cd4c4e671f124eff3febf8ffc",
     "d93233068b3f8c2b6d3f3d64e39f1bb81ced1f609ccef0b4c7eaf2cb5e6949bb"},
    {"V4",
     "POST",
     "/backups/p/neostore.nodestore.db.zst",
     {{"uploads", ""}},
     kEmpty,
     {{"x-amz-security-token", "TOKEN/with+chars=="},
      {"x-amz-server-side-encryption", "aws:kms"},
      {"x-amz-server-side-encryption-aws-kms-key-id", "arn:aws:kms:eu-central-1:111122223333:key/k1"}},
     "4b0250bf42a2ed1fda6daa3b83dd6ac97ee0d9c612b21b7637bb7cafa243c971",
     "122486bbdc4419899f65133c2eedd5ca63f127b3719c0b337cc403d10ae86011"},
    {"V5",
     "PUT",
     "/p/neostore.nodestore.db.zst",
     {{"uploadId", "up/load+id="}, {"partNumber", "7"}},
     kHello,
     {},
     "22853965b33c5a8f26ecb59e6bab5805f6b91ef33e82e1ac6c852828929d880b",
     "f939c843543b107461a09b7efdc6882ce56f6d671b5bebe82250ccf855bc9346",
     "backups.s3.eu-central-1.amazonaws.com"},
    {"V6",
     "GET",
     "/backups/p/x",
     {},
     kEmpty,
     {{"range", "bytes=0-99"}, {"if-match", "\"etag\""}},
     "b3c198388bef3a0458251aabd21fe6e6f899ed28d72c3b6adcfa502fe930753e",
     "58db8f9dabcc3737267a8a1dfa6a3a4cfd0d8657f01b2bcb4cccaff369433d71"},
    {"V9",
     "PUT",
     "/backups/p/x",
     {},
     kHello,
     {},
     "58280b74aa8f8041ecd06279d897ce12cc5b9a09b4c65bb7ef721c3f1841f13d",
     "0f9777a29335bceb2fd65192ce53b80f706514bd5484afd5e7f44c14f9711402",
     "storage.googleapis.com",
     "auto"},
    {"V11",
     "DELETE",
     "/backups/p/x",
     {{"uploadId", "up/load+id="}},
     kEmpty,
     {},
     "5e49daf935465ccc11a1134569f4ea6fca065ae5d354d40c9fbef0839cf6cf81",
     "7bcfbc59d70221f5e576d749ca2ff88794b651e1b96f9c57a612ef00cea7ce2e"},
    {"V13",
     "PUT",
     "/backups/p/x",
     {{"uploadId", "u1"}, {"partNumber", "1"}},
     "UNSIGNED-PAYLOAD",
     {{"content-md5", "XUFAKrxLKna5cZ2REBfFkg=="}},
     "4d9d0dd2771c9c759df4110bc7aed9d95f8b9ba21c1178b45d3ea0d9314d6b03",
     "0ff5e3b3e46d16acd8252b2d1db2d3ceba033bedba8bd118b6f735ddfb98879a"},
    {"V14",
     "POST",
     "/backups/p/x",
     {{"uploadId", "u1"}},
     "358bfeffed7b2460b94903b23168bcf3ea863f88983129793863e7de81f2b439",
     {{"if-none-match", "*"}},
     "86ea36b0fb3dc777462bd40cd8e90ae0da588555ccb140fabb2e59cee78eefe1",
     "25a2cc869055202d4ecbed3074bee45e34f4298054df32eb5bf07159648d4aac"},
    {"V15",
     "GET",
     "/backups",
     {{"uploads", ""}, {"prefix", "prod/"}, {"key-marker", "k"}, {"upload-id-marker", "u"}},
     kEmpty,
     {},
     "5bd8d18592b4f9f26f1e78c8f4478791102f6718d0045233c41bd42d4fabb133",
     "e4f6370609b0e819f4c7c846e8754eea9351eec2562c633098f5dbc97013c3f3"},
    {"V16",
     "POST",
     "/backups",
     {{"delete", ""}},
     sha256_hex(std::string_view("<Delete><Quiet>true</Quiet><Object><Key>p/x</Key></Object></Delete>")),
     {{"content-md5", "iWEKKS/PhruOGVDmEI+hVg=="}},
     "",
     "9bfebf1554ad8d0ac325d40d7bf96105420337cb82c376778cbdf6805d74007f"},
};

Signable signable_of(const Vector& vector) {
    Signable signable{.method = vector.method,
                      .path = percent_encode(vector.path, Slash::kKeep),
                      .query = vector.query,
                      .headers = vector.headers,
                      .payload_hash = vector.payload_hash};
    signable.headers.push_back({"x-amz-date", kDate});
    signable.headers.push_back({"host", vector.host});
    signable.headers.push_back({"x-amz-content-sha256", vector.payload_hash});
    return signable;
}

TEST(Signature, IsBotocoresForEveryVector) {
    for (const auto& vector : kVectors) {
        const auto signable = signable_of(vector);
        if (!vector.canonical_hash.empty()) {
            EXPECT_EQ(sha256_hex(canonical_request(signable)), vector.canonical_hash) << vector.name;
        }
        const auto value = authorization(signable, kKey, vector.region, kDate);
        EXPECT_TRUE(value.ends_with("Signature=" + vector.signature)) << vector.name << ": " << value;
    }
}

TEST(Signature, CanonicalRequestHasEachPartOnItsLine) {
    EXPECT_EQ(canonical_request(signable_of(kVectors[1])),
              "PUT\n/backups/prod/neo4j/graph.db/20261122T215049Z-3f9c21/0000-full/manifest.json\n\n"
              "content-type:application/json\nhost:minio.example:9000\nif-none-match:*\n"
              "x-amz-content-sha256:6b823fa123b900a4139de2101277275af8329f3a3d34c00ef3bf4fc6bf60287e\n"
              "x-amz-date:20261122T215049Z\n\ncontent-type;host;if-none-match;x-amz-content-sha256;x-amz-date\n"
              "6b823fa123b900a4139de2101277275af8329f3a3d34c00ef3bf4fc6bf60287e");
}

TEST(Signature, NamesKeyScopeAndHeaders) {
    EXPECT_TRUE(authorization(signable_of(kVectors[5]), kKey, "eu-central-1", kDate)
                    .starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE000000000/20261122/eu-central-1/s3/"
                                 "aws4_request, SignedHeaders=host;if-match;range;x-amz-content-sha256;x-amz-date, "
                                 "Signature="));
}

TEST(Signature, QueryIsSortedAfterEncoding) {
    EXPECT_EQ(canonical_query({{"b", "2"}, {"a", "x/y z+"}, {"a", "A"}, {"uploads", ""}}),
              "a=A&a=x%2Fy%20z%2B&b=2&uploads=");
    EXPECT_EQ(canonical_query({}), "");
}

TEST(Signature, DateIsThatOfTheHeader) {
    EXPECT_EQ(amz_date(*base::parse_rfc3339("2026-11-22T21:50:49.999Z")), kDate);
}

TEST(PercentEncoding, KeepsUnreservedCharactersOnly) {
    EXPECT_EQ(percent_encode("Az09-_.~/ +%\xC3\xA4*'()", Slash::kKeep), "Az09-_.~/%20%2B%25%C3%A4%2A%27%28%29");
    EXPECT_EQ(percent_encode("a/b", Slash::kEncode), "a%2Fb");
}

TEST(PercentEncoding, ListedKeysAreDecodedWithPlusAsSpace) {
    EXPECT_EQ(*decode_listed("a+b%2Bc%C3%A4%2f"), "a b+c\xC3\xA4/");
    for (const auto* bad : {"%", "a%2", "%zz", "%2"}) EXPECT_FALSE(decode_listed(bad)) << bad;
}

TEST(PercentEncoding, TextFromOutsideIsPrintable) {
    EXPECT_EQ(printable("a\x1b[31m\nb\xC3\xA4"), "a?[31m?b??");
    EXPECT_EQ(printable(std::string(300, 'x')), std::string(200, 'x') + "...");
}

}  // namespace
}  // namespace n4b::s3
