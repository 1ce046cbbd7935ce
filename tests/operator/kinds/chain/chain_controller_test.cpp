#include "operator/kinds/chain/chain_controller.hpp"

#include <gtest/gtest.h>

#include "common/base/json_object.hpp"
#include "tests/operator/jobs/cluster.hpp"
#include "tests/operator/jobs/lent.hpp"

namespace n4b::chain {
namespace {

using base::Json;

constexpr char kChains[] = "/apis/neo4jbackup.dev/v1alpha1/namespaces/db/neo4jbackupchains";
constexpr char kName[] = "main-20261122t215049z-3f9c21";

contract::ChainRecord record() {
    return {.source = "prod",
            .database = "graph.db",
            .chain = "20261122T215049Z-3f9c21",
            .tip = "tip",
            .artifacts = 3,
            .highest_transaction = 77,
            .stored_bytes = 2048};
}

/// A controller over an API server with a storage "main".
struct Control {
    testing::FakeApi api{};
    jobs::TestClock clock{};
    kube::Store<Chain> chains = jobs::quiet_store<Chain>();
    kube::Store<storage::Storage> storages = jobs::quiet_store<storage::Storage>();
    ChainRuns runs{};
    jobs::Lent lent{api, clock};
    ChainController controller{{.chains = chains, .storages = storages, .runs = runs}, lent.environment()};

    Control() { storages.apply("db/main", {.meta = {.object_namespace = "db", .name = "main", .uid = "u-1"}}); }
    void look(std::vector<contract::ChainRecord> records, int minutes = 0) {
        auto listed = kinds::named("main", std::move(records));
        listed.begun = clock.now + std::chrono::minutes(minutes);
        lent.catalogue.put("db/main", std::move(listed));
    }
    void settle() {
        const std::string path = std::string(kChains) + "/" + kName;
        for (int i = 0; i < 5; ++i) {
            const auto done = controller.reconcile(std::string("db/") + kName, {});
            ASSERT_TRUE(done) << done.error().message;
            chains.remove(std::string("db/") + kName);
            if (api.has(path)) chains.apply(std::string("db/") + kName, *parse_chain(api.get(path)));
        }
    }
    [[nodiscard]] bool there() const { return api.has(std::string(kChains) + "/" + kName); }
    [[nodiscard]] Json object() const { return api.get(std::string(kChains) + "/" + kName); }
};

TEST(ChainController, MakesAnObjectThatGoesWithItsStorage) {
    Control c;
    c.look({record()});
    c.settle();
    ASSERT_TRUE(c.there());
    const auto object = c.object();
    EXPECT_EQ(object["spec"]["storageRef"]["name"], "main");
    EXPECT_EQ(object["spec"]["sourceName"], "prod");
    EXPECT_EQ(object["spec"]["chain"], "20261122T215049Z-3f9c21");
    EXPECT_EQ(object["metadata"]["ownerReferences"][0]["uid"], "u-1");
    EXPECT_EQ(object["metadata"]["labels"]["neo4jbackup.dev/source"], "prod");
    EXPECT_EQ(object["status"]["highestTransaction"], 77);
    EXPECT_EQ(object["status"]["display"]["size"], "2.0 KiB");
    EXPECT_EQ(c.api.sent("PATCH", kChains).size(), 1U) << "what is written is not written again";
}

TEST(ChainController, WritesWhatChangesAndRemovesWhatIsGone) {
    Control c;
    c.look({record()});
    c.settle();
    auto longer = record();
    longer.artifacts = 4;
    longer.highest_transaction = 80;
    c.look({longer}, 1);
    c.settle();
    EXPECT_EQ(c.object()["status"]["highestTransaction"], 80);
    c.look({}, 2);
    c.settle();
    EXPECT_FALSE(c.there());
}

TEST(ChainController, MakesAgainWhatSomebodyDeleted) {
    Control c;
    c.look({record()});
    c.settle();
    c.api.objects.erase(std::string(kChains) + "/" + kName);
    c.settle();
    c.settle();
    EXPECT_TRUE(c.there());
}

TEST(ChainController, KnowsNothingWithoutALookOrARun) {
    Control c;
    c.settle();
    EXPECT_FALSE(c.there());
}

TEST(ChainController, WaitsForAnObjectThatIsThereAlready) {
    Control c;
    c.look({record()});
    c.settle();
    c.chains.remove(std::string("db/") + kName);
    const auto done = c.controller.reconcile(std::string("db/") + kName, {});
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_TRUE(*done) << "it looks again when the object has come";
}

}  // namespace
}  // namespace n4b::chain
