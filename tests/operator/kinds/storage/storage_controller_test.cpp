#include "operator/kinds/storage/storage_controller.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/json_object.hpp"
#include "common/contract/run_report.hpp"
#include "tests/operator/jobs/cluster.hpp"
#include "tests/operator/jobs/last_job.hpp"
#include "tests/operator/jobs/lent.hpp"

namespace n4b::storage {
namespace {

using base::Json;
using base::Reason;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::HasSubstr;

constexpr char kStorage[] = "/apis/neo4jbackup.dev/v1alpha1/namespaces/db/neo4jbackupstorages/main";
constexpr char kClaim[] = "/api/v1/namespaces/db/persistentvolumeclaims/disk";

/// A controller over an API server with a storage "main", and the cluster's part in its Jobs.
struct Control {
    testing::FakeApi api{};
    jobs::LastJob last_job{api};
    jobs::TestClock clock{};
    kube::Store<Storage> storages = jobs::quiet_store<Storage>();
    jobs::Lent lent{api, clock};
    StorageController controller{storages, lent.environment()};

    explicit Control(const char* spec) {
        api.put(kStorage, {{"metadata", {{"name", "main"}, {"namespace", "db"}, {"uid", "u-1"}, {"generation", 1}}},
                           {"spec", Json::parse(spec)}});
    }
    jobs::Requeue settle() {
        for (int i = 0; i < 10; ++i) {
            storages.apply("db/main", *parse_storage(api.get(kStorage)));
            lent.take_over_workload();
            const auto done = controller.reconcile("db/main", {});
            EXPECT_TRUE(done) << done.error().message;
            if (!done || !*done || **done > seconds(0)) return done.value_or(std::nullopt);
        }
        ADD_FAILURE() << "it never comes to rest";
        return {};
    }
    /// The runner of the last Job ends with a report.
    void ends(contract::RunReport report) {
        report.run_uid = "u-1";
        last_job.pod_is("Failed", {{"terminated", {{"exitCode", 1}, {"message", to_json(report)}}}});
        settle();
    }
    /// The same, once it has served these chains to whoever asks.
    void serves_and_ends(std::vector<contract::ChainRecord> chains, contract::RunReport report) {
        const auto count = static_cast<std::int64_t>(chains.size());
        const auto page = to_json(contract::CataloguePage{.run_uid = "u-1", .chains = std::move(chains)});
        report.catalogue = contract::CatalogueReport{
            .chains = count, .artifacts = count, .pages = 1, .digest = contract::catalogue_digest({page})};
        lent.served = {{"/catalogue/0", page}};
        last_job.pod_is("Running", {{"running", Json::object()}});
        lent.take_over_workload();
        lent.collector.collect({});
        ends(std::move(report));
    }
    /// A look that finds a storage which works and is empty.
    void ends_well(contract::RunReport report) { serves_and_ends({}, std::move(report)); }
    [[nodiscard]] std::string condition(const char* type) const {
        const auto storage = *parse_storage(api.get(kStorage));
        const auto* c = api::find_condition(storage.status.conditions, type);
        return c == nullptr ? "none" : c->status + "/" + c->reason;
    }
};

constexpr char kBucket[] = R"({"type": "S3", "s3": {"bucket": "backups", "prefix": "neo4j", "region": "eu-central-1",
    "credentialsSecretRef": {"name": "keys"}}})";
constexpr char kVolume[] = R"({"type": "PersistentVolumeClaim", "persistentVolumeClaim": {"claimName": "disk"}})";

contract::RunReport works() {
    return {.reason = Reason::kCompleted,
            .message = "m",
            .attempt = 1,
            .storage = contract::StorageReport{.free_bytes = 1 << 20, .total_bytes = 1 << 21}};
}

TEST(StorageController, ChecksABucketWithItsCredentialsMountedAndNeverRead) {
    Control c(kBucket);
    c.settle();
    ASSERT_EQ(c.last_job.made(), 1U);
    EXPECT_EQ(c.last_job.json()["spec"]["suspend"], false);
    EXPECT_EQ(c.last_job.told().command, contract::Command::kCheckStorage);
    EXPECT_EQ(c.last_job.told().storage_s3->bucket, "backups");
    EXPECT_EQ(c.last_job.told().storage_s3->credentials_dir, "/storage/credentials");
    EXPECT_THAT(c.last_job.json().dump(), HasSubstr(R"("secretName":"keys")"));
    EXPECT_FALSE(c.api.asked("GET", "/secrets"));
    EXPECT_EQ(c.condition("Ready"), "Unknown/Pending");
    c.ends_well(works());
    EXPECT_EQ(c.condition("Ready"), "True/Ready");
    EXPECT_EQ(c.condition("Writable"), "True/Ready");
    EXPECT_EQ(c.condition("Catalogued"), "True/Ready");
    const auto status = c.api.get(kStorage)["status"];
    EXPECT_EQ(status["display"]["location"], "s3://backups/neo4j");
    EXPECT_EQ(status["display"]["free"], "1.0 MiB");
    EXPECT_TRUE(c.last_job.json().is_null()) << "the Job of a look that succeeded goes at once";
}

TEST(StorageController, LooksAgainAfterItsIntervalAndAtOnceWhenTheSpecChanges) {
    Control c(kBucket);
    c.settle();
    c.ends_well(works());
    const auto requeue = c.settle();
    ASSERT_TRUE(requeue);
    EXPECT_GT(*requeue, hours(23));
    EXPECT_EQ(c.last_job.made(), 1U);
    c.clock.now += *requeue;
    c.settle();
    EXPECT_EQ(c.last_job.made(), 2U);
    c.ends_well(works());
    c.settle();
    c.api.change(kStorage, [](Json& storage) { storage["metadata"]["generation"] = 2; });
    c.settle();
    EXPECT_EQ(c.last_job.made(), 3U);
    EXPECT_EQ(c.condition("Ready"), "True/Ready") << "what is known stays while it looks";
}

contract::ChainRecord a_chain() {
    return {.source = "prod", .database = "graph.db", .chain = "20261122T215049Z-3f9c21", .artifacts = 3};
}

TEST(StorageController, HandsTheChainsOnThatALookServed) {
    Control c(kBucket);
    const auto begun = c.clock.now;
    c.settle();
    c.clock.now += minutes(1);
    c.serves_and_ends({a_chain()}, works());
    const auto listed = c.lent.catalogue.of("db/main");
    ASSERT_TRUE(listed);
    EXPECT_EQ(listed->begun, begun) << "backups that end while it looks may be missing";
    EXPECT_TRUE(listed->all);
    ASSERT_TRUE(listed->chains.contains("main-20261122t215049z-3f9c21"));
    EXPECT_EQ(c.lent.catalogue.storage_of("db/main-20261122t215049z-3f9c21"), "db/main");
    const auto catalogue = c.api.get(kStorage)["status"]["catalogue"];
    EXPECT_EQ(catalogue["chains"], 1);
    EXPECT_EQ(c.condition("Catalogued"), "True/Ready");
}

TEST(StorageController, LooksAgainSoonWhereFewerChainsAreShownThanLieThere) {
    Control c(kBucket);
    std::size_t shown = 0;
    c.lent.catalogue.show_with({}, [&](const std::string&) { return shown; });
    c.settle();
    c.serves_and_ends({a_chain()}, works());
    EXPECT_LE(*c.settle(), minutes(10));
    shown = 1;
    EXPECT_GT(*c.settle(), hours(23));
}

TEST(StorageController, AStorageWhoseChainsNobodyFetchedIsReadyAllTheSame) {
    Control c(kBucket);
    c.settle();
    auto report = works();
    report.catalogue = contract::CatalogueReport{.chains = 7, .artifacts = 9, .pages = 1, .digest = "0123456789abcdef"};
    c.ends(report);
    EXPECT_EQ(c.condition("Ready"), "True/Ready");
    EXPECT_EQ(c.condition("Catalogued"), "False/Retrying");
    EXPECT_FALSE(c.lent.catalogue.of("db/main"));
    EXPECT_LE(*c.settle(), minutes(10));
}

TEST(StorageController, AStorageWhoseBackupsCannotBeListedIsReadyAllTheSame) {
    Control c(kBucket);
    c.settle();
    c.serves_and_ends({a_chain()}, works());
    c.clock.now += hours(24);
    c.settle();
    auto report = works();
    report.attempt = 2;
    report.message = "its backups could not be listed";
    c.ends(report);
    EXPECT_EQ(c.condition("Ready"), "True/Ready");
    EXPECT_EQ(c.condition("Catalogued"), "False/Retrying");
    EXPECT_EQ(c.api.get(kStorage)["status"]["catalogue"]["chains"], 1) << "what was known stays";
}

TEST(StorageController, ASpecThatChangesDuringALookIsLookedAtAfterwards) {
    Control c(kBucket);
    c.settle();
    c.api.change(kStorage, [](Json& storage) {
        storage["metadata"]["generation"] = 2;
        storage["spec"]["s3"]["credentialsSecretRef"]["name"] = "other-keys";
    });
    c.settle();
    EXPECT_EQ(c.last_job.made(), 1U);
    EXPECT_EQ(c.api.get(kStorage)["status"]["observedGeneration"], 1);
    c.ends(works());
    c.settle();
    EXPECT_EQ(c.last_job.made(), 2U);
    EXPECT_THAT(c.last_job.json().dump(), HasSubstr(R"("secretName":"other-keys")"));
    EXPECT_EQ(c.api.get(kStorage)["status"]["observedGeneration"], 2);
    c.ends(works());
    c.settle();
    EXPECT_EQ(c.last_job.made(), 2U);
    const auto conditions = parse_storage(c.api.get(kStorage))->status.conditions;
    EXPECT_THAT(conditions, ::testing::Each(::testing::Field(&api::Condition::observed_generation, 2)));
}

TEST(StorageController, TellsWhyABucketCannotBeUsedAndLooksAgainSoon) {
    Control c(kBucket);
    c.settle();
    c.ends({.reason = Reason::kStorageAccessDenied, .message = "PutObject: denied", .attempt = 1});
    EXPECT_EQ(c.condition("Ready"), "False/StorageAccessDenied");
    EXPECT_EQ(c.condition("Reachable"), "True/StorageAccessDenied");
    EXPECT_EQ(c.condition("Stalled"), "True/StorageAccessDenied");
    EXPECT_LE(*c.settle(), minutes(10));
}

TEST(StorageController, RemembersTheRepositoryAndExpectsItFromThenOn) {
    Control c(kBucket);
    c.settle();
    EXPECT_TRUE(c.last_job.told().initialize);
    EXPECT_EQ(c.last_job.told().new_repository, "u-1");
    auto report = works();
    report.repository = "u-1";
    c.ends(report);
    EXPECT_EQ(c.api.get(kStorage)["status"]["repository"], "u-1");
    c.clock.now += hours(24);
    c.settle();
    EXPECT_FALSE(c.last_job.told().initialize);
    EXPECT_EQ(c.last_job.told().repository, "u-1");
    c.ends({.reason = Reason::kStorageReplaced, .message = "m", .attempt = 2, .storage = works().storage});
    EXPECT_EQ(c.condition("Ready"), "False/StorageReplaced");
    EXPECT_EQ(c.condition("Reachable"), "True/StorageReplaced");
    EXPECT_EQ(c.condition("Writable"), "True/Ready");
    EXPECT_EQ(c.api.get(kStorage)["status"]["repository"], "u-1");
}

TEST(StorageController, TakesTheRepositoryThatItFindsWhenItsStatusWasLost) {
    Control c(kBucket);
    c.settle();
    auto report = works();
    report.repository = "u-1";
    c.ends(report);
    c.api.change(kStorage, [](Json& storage) { storage.erase("status"); });
    c.settle();
    EXPECT_TRUE(c.last_job.told().initialize) << "nothing says that a repository was here";
    report.repository = "of-another-object";
    c.ends(report);
    EXPECT_EQ(c.api.get(kStorage)["status"]["repository"], "of-another-object");
    EXPECT_EQ(c.condition("Ready"), "True/Ready");
}

TEST(StorageController, WaitsForItsClaimAndChecksItOnceItIsThere) {
    Control c(kVolume);
    c.settle();
    EXPECT_EQ(c.last_job.made(), 0U);
    EXPECT_EQ(c.condition("Ready"), "False/ClaimNotFound");
    EXPECT_EQ(c.condition("Stalled"), "True/ClaimNotFound");
    EXPECT_EQ(c.api.get(kStorage)["status"]["conditions"][0]["type"], "Ready");
    c.api.put(kClaim, {{"status", {{"phase", "Bound"}}}, {"spec", {{"accessModes", {"ReadWriteOnce"}}}}});
    c.settle();
    ASSERT_EQ(c.last_job.made(), 1U);
    EXPECT_EQ(c.last_job.told().storage_path, "/backup");
    EXPECT_EQ(c.last_job.json()["metadata"]["annotations"]["neo4jbackup.dev/locks"], "storage db/main");
    c.ends(works());
    EXPECT_EQ(c.condition("Ready"), "True/Ready");
}

TEST(StorageController, WaitsWhileARunHoldsItsClaim) {
    Control c(kVolume);
    c.api.put(kClaim, {{"status", {{"phase", "Bound"}}}, {"spec", {{"accessModes", {"ReadWriteOnce"}}}}});
    const run::Holder backup{.uid = "backup", .kind = "Neo4jBackup", .key = "db/b"};
    EXPECT_FALSE(c.lent.locks.acquire(backup, {run::claim_lock("db", "disk")}));
    c.settle();
    EXPECT_EQ(c.last_job.made(), 0U);
    EXPECT_EQ(c.condition("Reconciling"), "True/Queued");
    EXPECT_EQ(c.condition("Ready"), "Unknown/Queued");
    c.lent.locks.give_back("backup");
    c.settle();
    EXPECT_EQ(c.last_job.made(), 1U);
}

TEST(StorageController, NoticesAClaimThatGoesBetweenTwoLooks) {
    Control c(kVolume);
    c.api.put(kClaim, {{"status", {{"phase", "Bound"}}}});
    c.settle();
    c.ends(works());
    EXPECT_LE(*c.settle(), minutes(2)) << "claims are not watched";
    c.api.objects.erase(kClaim);
    c.clock.now += minutes(2);
    c.settle();
    EXPECT_EQ(c.condition("Ready"), "False/ClaimNotFound");
    EXPECT_EQ(c.last_job.made(), 1U);
    c.api.put(kClaim, {{"status", {{"phase", "Bound"}}}});
    c.settle();
    EXPECT_EQ(c.last_job.made(), 2U) << "the new claim is looked at";
}

TEST(StorageController, LeavesAStorageThatIsDeletedAlone) {
    Control c(kBucket);
    c.api.change(kStorage, [](Json& storage) { storage["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"; });
    EXPECT_FALSE(c.settle());
    EXPECT_EQ(c.last_job.made(), 0U);
    c.api.objects.erase(kStorage);
    EXPECT_TRUE(c.controller.reconcile("db/other", {}));
}

}  // namespace
}  // namespace n4b::storage
