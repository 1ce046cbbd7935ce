#include "operator/api/meta.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/api/read_meta.hpp"

namespace n4b::api {
namespace {

using base::Json;
using std::chrono::milliseconds;

Json example() {
    return Json::parse(R"({"metadata": {"name": "b", "namespace": "db", "uid": "u-1", "resourceVersion": "7",
        "generation": 2, "creationTimestamp": "2026-11-24T10:00:00Z",
        "ownerReferences": [{"uid": "garbage"}, {"uid": "controller", "controller": true}],
        "labels": {"neo4jbackup.dev/owner-uid": "o", "neo4jbackup.dev/kind": "Neo4jBackup", "neo4jbackup.dev/owner": "n"},
        "annotations": {"neo4jbackup.dev/spec-digest": "d", "neo4jbackup.dev/locks": "a\nb"}}})");
}

base::Result<Meta> meta_of(const Json& json) {
    base::JsonObject object(json, "");
    auto meta = read_meta(object);
    N4B_TRY_VOID(object.finish());
    return meta;
}

TEST(Meta, IsRead) {
    const auto meta = meta_of(example());
    ASSERT_TRUE(meta) << meta.error().message;
    EXPECT_EQ(meta->key(), "db/b");
    EXPECT_EQ(meta->uid, "u-1");
    EXPECT_EQ(meta->resource_version, "7");
    EXPECT_EQ(meta->generation, 2);
    EXPECT_EQ(base::format_rfc3339(meta->created), "2026-11-24T10:00:00Z");
    EXPECT_EQ(meta->controller_uid, "controller") << "the others only keep it from being collected";
    EXPECT_EQ(meta->owner_uid, "o");
    EXPECT_EQ(meta->owner_kind, "Neo4jBackup");
    EXPECT_EQ(meta->owner_name, "n");
    EXPECT_EQ(meta->digest, "d");
    EXPECT_EQ(meta->locks, "a\nb");
    EXPECT_FALSE(meta->deleted);
    EXPECT_FALSE(meta->restored);
}

TEST(Meta, TellsWhatVeleroHasPutBackAndWhatIsBeingDeleted) {
    auto json = example();
    json["metadata"]["labels"]["velero.io/restore-name"] = "r";
    json["metadata"]["deletionTimestamp"] = "2026-11-24T11:00:00Z";
    const auto meta = meta_of(json);
    ASSERT_TRUE(meta);
    EXPECT_TRUE(meta->restored);
    EXPECT_TRUE(meta->deleted);
}

TEST(Meta, IsInvalidWithoutWhatEveryObjectHas) {
    for (const char* key : {"name", "uid", "resourceVersion"}) {
        auto json = example();
        json["metadata"].erase(key);
        const auto meta = meta_of(json);
        ASSERT_FALSE(meta) << key;
        EXPECT_THAT(meta.error().message, testing::HasSubstr(std::string("metadata.") + key));
    }
    EXPECT_FALSE(meta_of(Json::object()));
    EXPECT_FALSE(meta_of(Json::parse(R"({"metadata": []})")));
}

TEST(Condition, KeepsItsTransitionTimeWhileItsStatusStays) {
    std::vector<Condition> conditions;
    const auto first = base::SystemTime(std::chrono::seconds(1));
    set_condition(conditions, {.type = "Ready", .status = "False", .reason = "A", .last_transition = first});
    set_condition(conditions,
                  {.type = "Ready", .status = "False", .reason = "B", .last_transition = first + milliseconds(5)});
    EXPECT_EQ(find_condition(conditions, "Ready")->last_transition, first);
    EXPECT_EQ(find_condition(conditions, "Ready")->reason, "B");
    set_condition(conditions,
                  {.type = "Ready", .status = "True", .reason = "C", .last_transition = first + milliseconds(5)});
    EXPECT_EQ(find_condition(conditions, "Ready")->last_transition, first + milliseconds(5));
}

TEST(Condition, SurvivesWritingAndReading) {
    const std::vector<Condition> conditions{{.type = "Ready",
                                             .status = "True",
                                             .reason = "R",
                                             .message = "m",
                                             .last_transition = base::SystemTime(std::chrono::seconds(5)),
                                             .observed_generation = 3}};
    const Json json{{"conditions", conditions_json(conditions)}};
    base::JsonObject object(json, "status");
    EXPECT_EQ(read_conditions(object), conditions);
}

}  // namespace
}  // namespace n4b::api
