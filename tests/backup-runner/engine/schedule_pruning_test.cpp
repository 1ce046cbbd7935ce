#include "backup-runner/engine/schedule_pruning.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backup-runner/engine/facts.hpp"
#include "tests/backup-runner/engine/chains_in_memory.hpp"

namespace n4b::engine {
namespace {

using contract::ChainFate;
using ::testing::ElementsAre;
using ::testing::Pair;

/// A bucket with fulls of the schedule "nightly".
class SchedulePruningTest : public ChainsInMemory {
protected:
    SchedulePruningTest() {
        write(std::string(format::kRepositoryKey), format::print_repository({.id = "here"}));
        spec_.command = contract::Command::kPrune;
        spec_.run = {
            .uid = "u-1", .object_namespace = "db", .name = "nightly", .cluster = "k8s", .schedule = "nightly"};
        spec_.source = "prod";
        spec_.database = "graph.db";
        spec_.storage_path = "/backup";
        spec_.prune.keep.last = 1;
    }

    void store(const std::string& chain,
               const format::Origin& origin = {.cluster = "k8s", .name_space = "db", .schedule = "nightly"}) {
        auto head = full_of(chain);
        head.origin = origin;
        store_full(head);
    }
    std::vector<std::pair<std::string, ChainFate>> told(const contract::RunReport& report) const {
        EXPECT_EQ(report.reason, base::Reason::kCompleted) << report.message;
        EXPECT_EQ(report.run_uid, "u-1");
        std::vector<std::pair<std::string, ChainFate>> fates;
        if (!report.prune) return fates;
        for (const auto& chain : report.prune->chains) fates.emplace_back(chain.chain, chain.fate);
        return fates;
    }
    contract::RunReport planned() { return prune_for_schedule(spec_, store_, {}); }
    contract::RunReport removed(std::vector<std::string> chains) {
        auto spec = spec_;
        spec.prune.chains = std::move(chains);
        return prune_for_schedule(spec, store_, {});
    }
    [[nodiscard]] bool is_there(const std::string& chain) const {
        return std::ranges::any_of(
            store_.objects(), [&](const auto& object) { return object.first.starts_with(layout_.heads() + chain); });
    }

    contract::RunSpec spec_{};
};

TEST_F(SchedulePruningTest, APlanTellsWhatGoesAndTouchesNothing) {
    store(kFirst);
    store(kSecond);
    store(kThird);
    const auto before = store_.objects();
    const auto report = planned();
    EXPECT_THAT(told(report), ElementsAre(Pair(kFirst, ChainFate::kGoes), Pair(kSecond, ChainFate::kGoes),
                                          Pair(kThird, ChainFate::kStays)))
        << "the oldest goes first";
    EXPECT_EQ(report.prune->chains[2].why, "Newest");
    EXPECT_EQ(report.prune->goes, 2);
    EXPECT_EQ(report.prune->stays, 1);
    EXPECT_EQ(report.prune->bytes, report.prune->chains[0].stored_bytes * 2);
    EXPECT_EQ(report.prune->going_on, 0);
    EXPECT_EQ(store_.objects(), before);
}

TEST_F(SchedulePruningTest, OnlyWhatWasAnnouncedGoes) {
    store(kFirst);
    store(kSecond);
    store(kThird);
    const auto report = removed({kSecond});
    EXPECT_THAT(told(report), ElementsAre(Pair(kSecond, ChainFate::kRemoved)));
    EXPECT_EQ(report.prune->goes, 1) << "the first one, which has not been announced";
    EXPECT_GT(report.prune->bytes, 0);
    EXPECT_TRUE(is_there(kFirst));
    EXPECT_FALSE(is_there(kSecond));
}

TEST_F(SchedulePruningTest, WhatWasAnnouncedStaysWhereARuleKeepsItByNow) {
    store(kFirst);
    store(kSecond);
    spec_.prune.keep.last = 2;
    const auto report = removed({kFirst});
    EXPECT_THAT(told(report), ElementsAre(Pair(kFirst, ChainFate::kStays)));
    EXPECT_TRUE(is_there(kFirst));
}

TEST_F(SchedulePruningTest, ChainsThatTheScheduleDidNotBeginStay) {
    store(kFirst, {.cluster = "k8s", .name_space = "db", .name = "by-hand"});
    store("20261121T215050Z-000004", {.cluster = "k8s", .name_space = "db", .schedule = "weekly"});
    store("20261121T215051Z-000005", {.cluster = "k8s", .name_space = "other", .schedule = "nightly"});
    store("20261121T215052Z-000006", {.cluster = "another", .name_space = "db", .schedule = "nightly"});
    store("20261121T215053Z-000007", {.name_space = "db", .schedule = "nightly"});
    store(kThird);
    const auto report = planned();
    EXPECT_EQ(report.prune->goes, 0) << "a cluster that is unknown may be another one";
    for (const auto& chain : report.prune->chains) EXPECT_EQ(chain.why, chain.chain == kThird ? "Newest" : "NotOurs");
    EXPECT_THAT(told(removed({kFirst, "20261121T215050Z-000004", "20261121T215052Z-000006"})),
                ::testing::Each(::testing::Field(&std::pair<std::string, ChainFate>::second, ChainFate::kStays)));
    EXPECT_TRUE(is_there(kFirst));
}

TEST_F(SchedulePruningTest, TellsOfARemovalThatDiedAndGoesOnWithIt) {
    store(kFirst);
    store(kSecond);
    store(kThird);
    spec_.prune.keep.last = 2;
    const format::FactName fact{
        .chain = kFirst, .fact = std::string(kClosedFact), .time = {}, .run = {.uid = "dead", .attempt = 1}};
    write(layout_.fact(fact), "{}");
    write(layout_.closed(kFirst), format::print_closed());
    for (const auto& [key, bytes] : store_.objects()) {
        if (!key.starts_with(layout_.heads() + kFirst)) continue;
        ASSERT_TRUE(store_.remove(key, {}));
    }
    const auto plan = planned();
    EXPECT_EQ(plan.prune->going_on, 1) << "its blocks are still there";
    EXPECT_EQ(plan.prune->goes, 0);
    // As the next attempt of the run that had announced it.
    const auto report = removed({kFirst});
    EXPECT_THAT(told(report), ElementsAre(Pair(kFirst, ChainFate::kRemoved)));
    EXPECT_EQ(report.prune->going_on, 0);
    EXPECT_EQ(report.prune->goes, 0);
    EXPECT_EQ(planned().prune->going_on, 0);
}

TEST_F(SchedulePruningTest, AZoneThatDoesNotExistIsTold) {
    spec_.prune.keep.time_zone = "Europe/Bielefeld";
    const auto report = planned();
    EXPECT_EQ(report.reason, base::Reason::kInvalidRunSpec);
    EXPECT_THAT(report.message, ::testing::HasSubstr("prune.keep.timeZone: found \"Europe/Bielefeld\""));
    EXPECT_FALSE(report.prune);
}

}  // namespace
}  // namespace n4b::engine
