#include "operator/plan/job_builder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/json_object.hpp"

namespace n4b::plan {
namespace {

using base::Json;

Json job_of(const api::Backup& backup) {
    api::Storage storage;
    storage.claim = "claim";
    storage.path = "a/b";
    return Json::parse(build_job({.backup = backup,
                                  .storage = storage,
                                  .config = {.image = "image", .pull_policy = "Never"},
                                  .attempt = 2,
                                  .endpoints = {{"h", 6362}},
                                  .now = base::SystemTime(std::chrono::seconds(1'790'000'000))}));
}

api::Backup example() {
    api::Backup backup;
    backup.meta = {.object_namespace = "db", .name = "b", .uid = "0123456789ab", .generation = 1};
    backup.spec.source = "prod";
    backup.spec.database = "graph.db";
    backup.spec.storage = "s";
    backup.spec.runner.resources = R"({"limits":{"memory":"64Mi"}})";
    return backup;
}

TEST(JobBuilder, MeetsTheRestrictedPodSecurityStandard) {
    const auto pod = job_of(example())["spec"]["template"]["spec"];
    EXPECT_EQ(pod["automountServiceAccountToken"], false);
    EXPECT_EQ(pod["restartPolicy"], "Never");
    EXPECT_EQ(pod["securityContext"]["runAsNonRoot"], true);
    EXPECT_EQ(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    const auto container = pod["containers"][0];
    EXPECT_EQ(container["name"], "runner");
    EXPECT_EQ(container["securityContext"]["allowPrivilegeEscalation"], false);
    EXPECT_EQ(container["securityContext"]["readOnlyRootFilesystem"], true);
    EXPECT_EQ(container["securityContext"]["capabilities"]["drop"][0], "ALL");
    EXPECT_EQ(container["resources"]["limits"]["memory"], "64Mi");
}

TEST(JobBuilder, GivesARunSpecThatTheRunnerReads) {
    const auto job = job_of(example());
    const auto env = job["spec"]["template"]["spec"]["containers"][0]["env"][0];
    EXPECT_EQ(env["name"], "N4B_RUN_SPEC");
    const auto spec = contract::parse_run_spec(env["value"].get<std::string>());
    ASSERT_TRUE(spec) << spec.error().message;
    EXPECT_EQ(spec->run.uid, "0123456789ab");
    EXPECT_EQ(spec->run.attempt, 2);
    EXPECT_EQ(spec->storage_path, "/backup/a/b");
    EXPECT_EQ(job["spec"]["backoffLimit"], 0);
    EXPECT_EQ(job["metadata"]["ownerReferences"][0]["uid"], "0123456789ab");
}

TEST(JobBuilder, OwnLabelsWinOverTheUsers) {
    auto backup = example();
    backup.spec.runner.labels = R"({"team":"a","neo4jbackup.dev/backup-uid":"forged"})";
    const auto labels = job_of(backup)["spec"]["template"]["metadata"]["labels"];
    EXPECT_EQ(labels["team"], "a");
    EXPECT_EQ(labels["neo4jbackup.dev/backup-uid"], "0123456789ab");
}

TEST(JobName, FitsALabelWhateverTheBackupIsCalled) {
    for (const auto& name : {std::string(63, 'a'), std::string(39, 'a') + ".b", std::string("a.b-")}) {
        const auto job = job_name({.name = name, .uid = "01234567-89ab"}, 1000);
        EXPECT_LE(job.size(), 63U);
        EXPECT_EQ(job.find_first_of("."), std::string::npos) << job;
        EXPECT_EQ(job.find("--"), std::string::npos) << job;
    }
}

}  // namespace
}  // namespace n4b::plan
