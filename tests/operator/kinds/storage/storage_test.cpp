#include "operator/kinds/storage/storage.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/json_object.hpp"
#include "operator/kinds/storage/storage_place.hpp"

namespace n4b::storage {
namespace {

using base::Json;
using testing::HasSubstr;

Json volume() {
    return Json::parse(R"({
      "metadata": {"name": "main", "namespace": "db", "uid": "u", "resourceVersion": "1"},
      "spec": {"type": "PersistentVolumeClaim", "persistentVolumeClaim": {"claimName": "disk", "path": "a/b"},
               "runner": {"securityContext": {}}}})");
}

Json bucket() {
    auto json = volume();
    json["spec"] = Json::parse(R"({"type": "S3", "probeInterval": "1h",
      "s3": {"bucket": "backups", "prefix": "neo4j", "region": "eu-central-1", "endpoint": "https://minio:9000",
             "pathStyle": false, "allowInsecure": true, "credentialsSecretRef": {"name": "keys"},
             "ca": {"configMapRef": {"name": "bundle", "key": "ca.pem"}}}})");
    return json;
}

/// The bucket with a merge patch put over its spec.
base::Result<Storage> with(const char* spec) {
    auto json = bucket();
    json["spec"].merge_patch(Json::parse(spec));
    return parse_storage(json);
}

TEST(Storage, IsReadAsAVolume) {
    const auto storage = parse_storage(volume());
    ASSERT_TRUE(storage) << storage.error().message;
    EXPECT_EQ(storage->spec.claim, "disk");
    EXPECT_EQ(storage->spec.path, "a/b");
    EXPECT_FALSE(storage->spec.s3);
    EXPECT_EQ(storage->spec.probe_interval, std::chrono::hours(24));
    EXPECT_EQ(storage->spec.runner.security_context, "{}");
    EXPECT_EQ(storage->status, StorageStatus{});
}

TEST(Storage, IsReadAsABucket) {
    const auto storage = parse_storage(bucket());
    ASSERT_TRUE(storage) << storage.error().message;
    const S3 expected{.bucket = "backups",
                      .prefix = "neo4j",
                      .region = "eu-central-1",
                      .endpoint = "https://minio:9000",
                      .path_style = false,
                      .allow_insecure = true,
                      .credentials = "keys",
                      .ca = api::KeyRef{.kind = api::KeyRef::Kind::kConfigMap, .name = "bundle", .key = "ca.pem"}};
    EXPECT_EQ(storage->spec.s3, expected);
    EXPECT_EQ(storage->spec.claim, "");
    EXPECT_EQ(storage->spec.probe_interval, std::chrono::hours(1));
    const auto least = with(R"({"s3": {"prefix": null, "endpoint": null, "pathStyle": null, "allowInsecure": null,
                                       "ca": null}})");
    ASSERT_TRUE(least) << least.error().message;
    EXPECT_EQ(least->spec.s3, (S3{.bucket = "backups", .region = "eu-central-1", .credentials = "keys"}));
}

TEST(Storage, HasOneSourceOfCredentials) {
    using From = contract::S3CredentialsFrom;
    const auto role = with(R"({"s3": {"credentialsSecretRef": null, "webIdentity": {"roleARN": "arn"}}})");
    ASSERT_TRUE(role) << role.error().message;
    EXPECT_EQ(role->spec.s3->credentials_from, From::kWebIdentity);
    EXPECT_EQ(
        role->spec.s3->web_identity,
        (WebIdentity{.role_arn = "arn", .audience = "sts.amazonaws.com", .token_lifetime = std::chrono::hours(1)}));
    const auto other = with(R"({"s3": {"credentialsSecretRef": null, "webIdentity": {"roleARN": "arn",
        "audience": "minio", "tokenLifetime": "10m", "stsEndpoint": "https://sts"}}})");
    ASSERT_TRUE(other) << other.error().message;
    EXPECT_EQ(other->spec.s3->web_identity, (WebIdentity{.role_arn = "arn",
                                                         .audience = "minio",
                                                         .token_lifetime = std::chrono::minutes(10),
                                                         .sts_endpoint = "https://sts"}));
    EXPECT_EQ(with(R"({"s3": {"credentialsSecretRef": null, "podIdentity": {}}})")->spec.s3->credentials_from,
              From::kPodIdentity);
    EXPECT_EQ(with(R"({"s3": {"credentialsSecretRef": null, "instanceMetadata": {}}})")->spec.s3->credentials_from,
              From::kInstanceMetadata);
    EXPECT_THAT(with(R"({"s3": {"podIdentity": {}}})").error().message,
                ::testing::HasSubstr("found more than one source of credentials"));
}

TEST(Storage, TellsHowObjectsAreReachedAndKept) {
    const auto storage = with(R"({"s3": {"proxy": {"url": "http://proxy:3128", "noProxy": ["a", "b"],
        "credentialsSecretRef": {"name": "proxy"}}, "encryption": {"type": "KMS", "kmsKeyId": "k"},
        "objectLock": {"mode": "Compliance", "days": 7}}})");
    ASSERT_TRUE(storage) << storage.error().message;
    const auto& s3 = *storage->spec.s3;
    EXPECT_EQ(s3.proxy, (Proxy{.url = "http://proxy:3128", .no_proxy = {"a", "b"}, .credentials = "proxy"}));
    EXPECT_EQ(s3.encryption, "aws:kms");
    EXPECT_EQ(s3.kms_key_id, "k");
    EXPECT_EQ(s3.lock, (contract::ObjectLock{.mode = contract::LockMode::kCompliance, .days = 7}));
}

TEST(Storage, NamesTheFieldThatIsWrong) {
    for (const auto& [spec, field] :
         {std::pair(R"({"s3": {"bucket": null}})", "spec.s3.bucket: missing"),
          std::pair(R"({"s3": {"credentialsSecretRef": null}})", "spec.s3.credentialsSecretRef: missing"),
          std::pair(R"({"s3": {"credentialsSecretRef": {"name": null}}})", "spec.s3.credentialsSecretRef.name"),
          std::pair(R"({"s3": {"pathStyle": "yes"}})", "spec.s3.pathStyle"),
          std::pair(R"({"s3": {"proxy": {}}})", "spec.s3.proxy.url: missing"),
          std::pair(R"({"s3": {"encryption": {"type": "aws:kms"}}})", "spec.s3.encryption.type"),
          std::pair(R"({"s3": {"objectLock": {"days": 1, "mode": "Legal"}}})", "spec.s3.objectLock.mode"),
          std::pair(R"({"s3": {"objectLock": {"mode": "Governance"}}})", "spec.s3.objectLock.days: missing"),
          std::pair(R"({"s3": {"ca": {"configMapRef": {"key": null}}}})", "spec.s3.ca.configMapRef.key"),
          std::pair(R"({"s3": null})", "spec.persistentVolumeClaim: missing, and so is s3"),
          std::pair(R"({"s3": null, "persistentVolumeClaim": {}})", "spec.persistentVolumeClaim.claimName"),
          std::pair(R"({"probeInterval": "often"})", "spec.probeInterval")}) {
        const auto storage = with(spec);
        ASSERT_FALSE(storage) << spec;
        EXPECT_THAT(storage.error().message, HasSubstr(field));
    }
}

TEST(Storage, StatusSurvivesItsJsonForm) {
    const base::SystemTime now{std::chrono::seconds(1'790'000'000)};
    StorageStatus status{.observed_generation = 3,
                         .run = {.first_attempt = 4, .started = now, .completed = now},
                         .last_probe = now,
                         .last_success = now,
                         .found = contract::StorageReport{.exclusive_create = contract::ExclusiveCreate::kRefused,
                                                          .keeps_versions = true,
                                                          .clock_offset = std::chrono::milliseconds(-7),
                                                          .free_bytes = 5,
                                                          .total_bytes = 9},
                         .repository = "9f0c",
                         .display = {.location = "disk/a/b", .free = "5 B"},
                         .conditions = {{.type = "Ready", .status = "True", .reason = "Ready", .message = "m"}}};
    const auto read = [](const StorageStatus& written) {
        auto json = volume();
        json["status"] = Json::parse(status_json(written));
        return parse_storage(json)->status;
    };
    EXPECT_EQ(read(status), status);
    status.found->free_bytes.reset();
    status.found->total_bytes.reset();
    status.display.free.clear();
    EXPECT_EQ(read(status), status);
    status.found.reset();
    EXPECT_EQ(read(status), status);
    status.repository.clear();
    EXPECT_EQ(read(status), status);
    EXPECT_TRUE(Json::parse(status_json(status))["freeBytes"].is_null()) << "a merge patch keeps what is left out";
}

TEST(StorageDisplay, ShowsWhereItIsAndHowMuchIsFree) {
    const auto location = [](const StorageSpec& spec) { return display_of(spec, {}).location; };
    EXPECT_EQ(location({.claim = "disk"}), "disk");
    EXPECT_EQ(location({.claim = "disk", .path = "a/b"}), "disk/a/b");
    EXPECT_EQ(location({.s3 = S3{.bucket = "b"}}), "s3://b");
    EXPECT_EQ(location({.s3 = S3{.bucket = "b", .prefix = "p/q"}}), "s3://b/p/q");
    EXPECT_EQ(location({.s3 = S3{.bucket = "b", .prefix = "p/"}}), "s3://b/p");
    EXPECT_EQ(display_of({.claim = "disk"}, {}).free, "");
    const StorageStatus status{.found = contract::StorageReport{.free_bytes = std::int64_t{3} << 29}};
    EXPECT_EQ(display_of({.claim = "disk"}, status).free, "1.5 GiB");
}

TEST(StoragePlace, OfAVolumeIsItsClaimAndADirectoryInIt) {
    auto storage = *parse_storage(volume());
    const auto mounts = mounts_of(storage);
    ASSERT_EQ(mounts.size(), 1U);
    EXPECT_EQ(mounts[0].path, "/backup");
    EXPECT_EQ(mounts[0].access, run::Mount::Access::kWrite);
    EXPECT_EQ(Json::parse(mounts[0].volume)["persistentVolumeClaim"]["claimName"], "disk");
    EXPECT_EQ(Json::parse(mounts[0].volume)["name"], mounts[0].name);
    contract::RunSpec spec;
    name_storage(storage, spec);
    EXPECT_EQ(spec.storage_path, "/backup/a/b");
    EXPECT_FALSE(spec.storage_s3);
    storage.spec.path.clear();
    name_storage(storage, spec);
    EXPECT_EQ(spec.storage_path, "/backup");
}

TEST(StoragePlace, IsMadeARepositoryOfOneIdUntilItsOwnIsKnown) {
    auto storage = *parse_storage(volume());
    contract::RunSpec spec;
    name_repository(storage, spec);
    EXPECT_EQ(spec.repository, "");
    EXPECT_TRUE(spec.initialize);
    EXPECT_EQ(spec.new_repository, "u") << "the object's uid, for looks and backups alike";
    storage.status.repository = "9f0c";
    name_repository(storage, spec);
    EXPECT_EQ(spec.repository, "9f0c");
    EXPECT_FALSE(spec.initialize);
    EXPECT_EQ(spec.new_repository, "");
}

TEST(StoragePlace, OfABucketIsToldWithPathsInPlaceOfSecrets) {
    auto storage = *parse_storage(bucket());
    const auto mounts = mounts_of(storage);
    ASSERT_EQ(mounts.size(), 2U);
    const auto keys = Json::parse(mounts[0].volume);
    EXPECT_EQ(keys["secret"]["secretName"], "keys");
    EXPECT_EQ(keys["secret"]["defaultMode"], 0440) << "nobody but the runner's group reads the key";
    EXPECT_FALSE(keys["secret"].contains("items")) << "either set of names may be in it, and a session token";
    const auto ca = Json::parse(mounts[1].volume);
    EXPECT_EQ(ca["configMap"]["name"], "bundle");
    EXPECT_EQ(ca["configMap"]["items"][0]["key"], "ca.pem");
    for (const auto& mount : mounts) EXPECT_EQ(mount.access, run::Mount::Access::kRead);
    contract::RunSpec spec;
    name_storage(storage, spec);
    EXPECT_EQ(spec.storage_path, "");
    const contract::S3Location expected{.endpoint = "https://minio:9000",
                                        .bucket = "backups",
                                        .region = "eu-central-1",
                                        .prefix = "neo4j",
                                        .path_style = false,
                                        .allow_insecure = true,
                                        .ca_file = mounts[1].path + "/ca.crt",
                                        .credentials_dir = mounts[0].path};
    EXPECT_EQ(spec.storage_s3, expected);
    storage.spec.s3->ca.reset();
    EXPECT_EQ(mounts_of(storage).size(), 1U);
    name_storage(storage, spec);
    EXPECT_EQ(spec.storage_s3->ca_file, "") << "the system's";
}

TEST(StoragePlace, OfARoleIsATokenOfTheServiceAccountAndNoSecret) {
    auto storage = *with(R"({"s3": {"credentialsSecretRef": null, "ca": null, "webIdentity": {"roleARN": "arn",
        "audience": "minio", "tokenLifetime": "10m", "stsEndpoint": "https://sts"}}})");
    const auto mounts = mounts_of(storage);
    ASSERT_EQ(mounts.size(), 1U);
    EXPECT_EQ(mounts[0].access, run::Mount::Access::kRead);
    EXPECT_EQ(Json::parse(mounts[0].volume), Json::parse(R"({"name": "storage-token", "projected": {"defaultMode": 288,
        "sources": [{"serviceAccountToken": {"audience": "minio", "expirationSeconds": 600, "path": "token"}}]}})"));
    contract::RunSpec spec;
    name_storage(storage, spec);
    EXPECT_EQ(spec.storage_s3->credentials_from, contract::S3CredentialsFrom::kWebIdentity);
    EXPECT_EQ(spec.storage_s3->credentials_dir, "");
    EXPECT_EQ(spec.storage_s3->web_identity,
              (contract::WebIdentity{
                  .role_arn = "arn", .token_file = "/storage/token/token", .sts_endpoint = "https://sts"}));
    // EKS adds role, token and environment to the pod.
    storage.spec.s3->web_identity.role_arn.clear();
    EXPECT_TRUE(mounts_of(storage).empty());
    name_storage(storage, spec);
    EXPECT_EQ(spec.storage_s3->web_identity, (contract::WebIdentity{.sts_endpoint = "https://sts"}));
}

TEST(StoragePlace, OfAnAgentOrTheMachineMountsNothing) {
    for (const auto& [name, from] : {std::pair("podIdentity", contract::S3CredentialsFrom::kPodIdentity),
                                     std::pair("instanceMetadata", contract::S3CredentialsFrom::kInstanceMetadata)}) {
        const auto patch = R"({"s3": {"credentialsSecretRef": null, "ca": null, ")" + std::string(name) + R"(": {}}})";
        const auto storage = *with(patch.c_str());
        EXPECT_TRUE(mounts_of(storage).empty());
        contract::RunSpec spec;
        name_storage(storage, spec);
        EXPECT_EQ(spec.storage_s3->credentials_from, from);
    }
}

TEST(StoragePlace, TellsOfTheProxyWithoutItsPassword) {
    const auto storage = *with(R"({"s3": {"ca": null, "proxy": {"url": "http://proxy:3128", "noProxy": ["a", "b"],
        "credentialsSecretRef": {"name": "proxy"}}, "encryption": {"type": "AES256"},
        "objectLock": {"mode": "Governance", "days": 7}}})");
    const auto mounts = mounts_of(storage);
    ASSERT_EQ(mounts.size(), 2U);
    EXPECT_EQ(Json::parse(mounts[1].volume)["secret"]["secretName"], "proxy");
    contract::RunSpec spec;
    name_storage(storage, spec);
    EXPECT_EQ(spec.storage_s3->proxy,
              (contract::ProxySpec{.url = "http://proxy:3128", .no_proxy = "a,b", .credentials_dir = mounts[1].path}));
    EXPECT_EQ(spec.storage_s3->encryption, "AES256");
    EXPECT_EQ(spec.storage_s3->lock, (contract::ObjectLock{.days = 7}));
}

}  // namespace
}  // namespace n4b::storage
