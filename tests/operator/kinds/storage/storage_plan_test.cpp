#include "operator/kinds/storage/storage_plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/json_object.hpp"

namespace n4b::storage {
namespace {

using base::Json;
using testing::HasSubstr;

const base::SystemTime kNow{std::chrono::seconds(1'790'000'000)};

Storage example() {
    return {.meta = {.object_namespace = "db", .name = "main", .generation = 3}, .claim = "disk"};
}

std::string ready(const ClaimInputs& inputs) {
    const auto conditions = storage_conditions(example(), inputs, kNow);
    const auto* condition = api::find_condition(conditions, "Ready");
    return condition->status + "/" + condition->reason;
}

std::string message(const ClaimInputs& inputs) {
    const auto conditions = storage_conditions(example(), inputs, kNow);
    return api::find_condition(conditions, "Ready")->message;
}

TEST(StoragePlan, TableOfClaims) {
    EXPECT_EQ(ready({}), "False/ClaimNotFound");
    EXPECT_EQ(ready({.claim = api::Claim{.phase = "Bound"}}), "True/Ready");
    EXPECT_EQ(ready({.claim = api::Claim{.phase = "Lost"}}), "False/ClaimLost");
    EXPECT_EQ(ready({.claim = api::Claim{.phase = "Pending"}}), "False/ClaimNotBound");
    for (const char* reason : {"WaitForFirstConsumer", "WaitForPodScheduled"}) {
        EXPECT_EQ(ready({.claim = api::Claim{.phase = "Pending"}, .events = {{"Normal", reason, "m"}}}),
                  "True/WaitingForFirstConsumer");
    }
}

TEST(StoragePlan, AClaimThatIsBeingDeletedIsNotReadyAlthoughItIsBound) {
    const ClaimInputs inputs{.claim = api::Claim{.phase = "Bound", .terminating = true}};
    EXPECT_EQ(ready(inputs), "False/ClaimTerminating");
    EXPECT_THAT(message(inputs), HasSubstr("claim disk is being deleted"));
}

TEST(StoragePlan, TellsTheLastEventOfAClaimThatIsNotBound) {
    const ClaimInputs inputs{.claim = api::Claim{.phase = "Pending"},
                             .events = {{"Warning", "A", "first"}, {"Warning", "B", "last"}}};
    EXPECT_THAT(message(inputs), HasSubstr("last"));
    EXPECT_THAT(message(inputs), testing::Not(HasSubstr("first")));
}

TEST(StoragePlan, StallsWhatNeedsSomebody) {
    const auto status = [](const ClaimInputs& inputs, const char* type) {
        const auto conditions = storage_conditions(example(), inputs, kNow);
        const auto* condition = api::find_condition(conditions, type);
        EXPECT_EQ(condition->observed_generation, 3);
        return condition->status;
    };
    EXPECT_EQ(status({}, "Stalled"), "True");
    EXPECT_EQ(status({.claim = api::Claim{.phase = "Bound"}}, "Stalled"), "False");
    EXPECT_EQ(status({}, "Reconciling"), "False");
}

TEST(StoragePlan, ChangesNothingWhereNothingChanged) {
    auto storage = example();
    storage.conditions = storage_conditions(storage, {}, kNow);
    EXPECT_EQ(storage_conditions(storage, {}, kNow + std::chrono::hours(1)), storage.conditions);
}

TEST(Storage, IsRead) {
    const auto json = Json::parse(R"({
      "metadata": {"name": "main", "namespace": "db", "uid": "u", "resourceVersion": "1"},
      "spec": {"type": "PersistentVolumeClaim", "persistentVolumeClaim": {"claimName": "disk", "path": "a/b"},
               "runner": {"securityContext": {}}},
      "status": {"observedGeneration": 2, "conditions": [{"type": "Ready", "status": "True"}]}})");
    const auto storage = parse_storage(json);
    ASSERT_TRUE(storage) << storage.error().message;
    EXPECT_EQ(storage->claim, "disk");
    EXPECT_EQ(storage->path, "a/b");
    EXPECT_EQ(storage->runner.security_context, "{}");
    EXPECT_EQ(storage->observed_generation, 2);
    auto wrong = json;
    wrong["spec"]["persistentVolumeClaim"].erase("claimName");
    ASSERT_FALSE(parse_storage(wrong));
    EXPECT_THAT(parse_storage(wrong).error().message, HasSubstr("spec.persistentVolumeClaim.claimName"));
}

}  // namespace
}  // namespace n4b::storage
