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
    backup.spec.policy = contract::SourcePolicy::kReplicaOnly;
    backup.spec.max_lag = 7;
    backup.spec.runner.bandwidth_limit = 1 << 20;
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
    EXPECT_EQ(spec->policy, contract::SourcePolicy::kReplicaOnly);
    EXPECT_EQ(spec->max_lag, 7);
    EXPECT_EQ(spec->bandwidth_limit, 1 << 20);
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

TEST(JobBuilder, MountsWhatTheSourceIsSpokenToWith) {
    auto backup = example();
    backup.spec.service = api::ServicePort{.name = "replicas", .port = "backup"};
    backup.spec.tls = api::SourceTls{
        .secret = "certificates",
        .trust = {{.secret = false, .name = "bundle", .key = "ca.pem"}, {.secret = true, .name = "more", .key = "x"}}};
    const auto pod = job_of(backup)["spec"]["template"]["spec"];
    EXPECT_EQ(pod["volumes"][1]["secret"]["secretName"], "certificates");
    EXPECT_EQ(pod["volumes"][1]["secret"]["defaultMode"], 0440) << "nobody but the runner's group reads the key";
    EXPECT_EQ(pod["volumes"][2]["configMap"]["items"][0]["key"], "ca.pem");
    EXPECT_EQ(pod["volumes"][3]["secret"]["items"][0]["key"], "x");
    const auto container = pod["containers"][0];
    for (int i = 0; i < 4; ++i) EXPECT_EQ(container["volumeMounts"][i]["name"], pod["volumes"][i]["name"]);
    EXPECT_EQ(container["volumeMounts"][1]["readOnly"], true);
    const auto spec = contract::parse_run_spec(container["env"][0]["value"].get<std::string>());
    ASSERT_TRUE(spec) << spec.error().message;
    ASSERT_TRUE(spec->tls);
    EXPECT_EQ(spec->tls->directory, "/tls/source");
    EXPECT_EQ(spec->tls->trust, (std::vector<std::string>{"/tls/trust-0/ca.crt", "/tls/trust-1/ca.crt"}));
    EXPECT_EQ(spec->tls->server_name, "replicas.db.svc") << "pods are dialled by address";
    backup.spec.tls->server_name = "neo4j";
    EXPECT_NE(
        build_job({.backup = backup, .storage = {}, .config = {}, .now = {}}).find("\\\"serverName\\\":\\\"neo4j"),
        std::string::npos);
}

TEST(JobBuilder, EndsAnAttemptAtItsOwnDeadlineOrTheRuns) {
    const base::SystemTime now{std::chrono::seconds(1'790'000'000)};
    const auto limits = [&](const api::Backup& backup, bool look_up) {
        const auto job = Json::parse(build_job(
            {.backup = backup, .storage = {}, .config = {}, .look_up = look_up, .endpoints = {{"h", 1}}, .now = now}));
        const auto spec = contract::parse_run_spec(
            job["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"].get<std::string>());
        EXPECT_TRUE(spec) << spec.error().message;
        return std::pair(job["spec"]["activeDeadlineSeconds"].get<std::int64_t>(), *spec->duration);
    };
    using std::chrono::hours;
    const auto expected = [](std::chrono::minutes span) {
        return std::pair(std::chrono::seconds(span).count() + 60, std::chrono::milliseconds(span));
    };
    auto backup = example();
    EXPECT_EQ(limits(backup, false), expected(hours(6)));
    backup.spec.deadline = hours(2);
    EXPECT_EQ(limits(backup, false), expected(hours(2))) << "of the first attempt too";
    backup.status.started = now - hours(1);
    EXPECT_EQ(limits(backup, false), expected(hours(1)));
    EXPECT_EQ(limits(backup, true), expected(std::chrono::minutes(30)))
        << "a look-up is how a run that is over learns its result";
    backup.spec.attempt_deadline = hours(0);
    EXPECT_EQ(limits(backup, false), expected(hours(0)));
}

TEST(JobBuilder, GivesALookUpNoCredentials) {
    auto backup = example();
    backup.spec.tls = api::SourceTls{.secret = "certificates"};
    const auto job =
        Json::parse(build_job({.backup = backup, .storage = {}, .config = {}, .look_up = true, .now = {}}));
    EXPECT_EQ(job["spec"]["template"]["spec"]["volumes"].size(), 1U);
}

}  // namespace
}  // namespace n4b::plan
