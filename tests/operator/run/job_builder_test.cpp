#include "operator/run/job_builder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/json_object.hpp"
#include "operator/run/recover_script.hpp"

namespace n4b::run {
namespace {

using base::Json;

/// What a Job is made from; each test changes what it is about.
struct Wish {
    RunOwner owner{.meta = {.object_namespace = "db", .name = "b", .uid = "0123456789ab", .generation = 1},
                   .kind = "Neo4jBackup"};
    RunnerConfig config{.image = "image", .pull_policy = "Never"};
    StartAttempt attempt{.number = 2};
    api::PodProfile profile{.resources = {.limits = {{"memory", "64Mi"}}}};
    contract::RunSpec spec{.source = "prod",
                           .endpoints = {{"h", 6362}},
                           .policy = contract::SourcePolicy::kReplicaOnly,
                           .database = "graph.db",
                           .storage_path = "/backup/a/b"};
    std::vector<Mount> mounts{
        {.name = "backups", .path = "/backup", .volume = R"({"name":"backups"})", .access = Mount::Access::kWrite},
        {.name = "source-tls", .path = "/tls/source", .volume = R"({"name":"source-tls"})"}};
    std::optional<RecoveryServer> server{};
    std::map<std::string, std::string> labels{{"neo4jbackup.dev/source", "prod"}};
    std::vector<std::string> locks{"source db/prod, database graph.db", "claim db/c"};
    std::chrono::milliseconds limit = std::chrono::hours(2);

    [[nodiscard]] JobRequest request() const {
        return {.owner = owner,
                .config = config,
                .attempt = attempt,
                .profile = profile,
                .spec = spec,
                .mounts = mounts,
                .server = server,
                .labels = labels,
                .locks = locks,
                .limit = limit};
    }
    [[nodiscard]] Json job() const { return Json::parse(build_job(request())); }
    [[nodiscard]] Json pod() const { return job()["spec"]["template"]["spec"]; }
    [[nodiscard]] std::string digest() const { return job_digest(request()); }
    [[nodiscard]] Json pod_labels() const { return job()["spec"]["template"]["metadata"]["labels"]; }
};

contract::RunSpec spec_in(const Json& pod) {
    const auto env = pod["containers"][0]["env"][0];
    EXPECT_EQ(env["name"], "N4B_RUN_SPEC");
    const auto spec = contract::parse_run_spec(env["value"].get<std::string>());
    EXPECT_TRUE(spec) << spec.error().message;
    return spec.value_or(contract::RunSpec{});
}

TEST(JobBuilder, MeetsTheRestrictedPodSecurityStandard) {
    const auto pod = Wish{}.pod();
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

TEST(JobBuilder, TellsTheRunnerWhoAsks) {
    Wish wish;
    wish.config.cluster = "4f1d";
    const contract::RunIdentity expected{
        .uid = "0123456789ab", .object_namespace = "db", .name = "b", .attempt = 2, .cluster = "4f1d"};
    EXPECT_EQ(spec_in(wish.pod()).run, expected);
}

TEST(JobBuilder, NoProfileTakesThatStandardAway) {
    Wish wish;
    wish.profile.security_context =
        R"({"runAsNonRoot": false, "runAsUser": 7, "seccompProfile": {"type": "Unconfined"}})";
    const auto security = wish.pod()["securityContext"];
    EXPECT_EQ(security["runAsNonRoot"], true);
    EXPECT_EQ(security["seccompProfile"]["type"], "RuntimeDefault");
    EXPECT_EQ(security["runAsUser"], 7);
}

TEST(JobBuilder, MakesAJobThatWaitsToBeLetGo) {
    const auto job = Wish{}.job();
    EXPECT_EQ(job["spec"]["suspend"], true);
    EXPECT_EQ(job["spec"]["backoffLimit"], 0);
    EXPECT_EQ(job["metadata"]["name"], "b-01234567-2");
    const auto owner = job["metadata"]["ownerReferences"][0];
    EXPECT_EQ(owner["uid"], "0123456789ab");
    EXPECT_EQ(owner["controller"], true);
}

TEST(JobBuilder, MakesAPodThatNoServiceSendsAnythingTo) {
    EXPECT_EQ(Wish{}.pod()["readinessGates"][0]["conditionType"], "neo4jbackup.dev/never-ready");
}

TEST(JobBuilder, WritesItsLocksWhereARestartFindsThem) {
    const auto job = Wish{}.job();
    const char* const kLocks = "source db/prod, database graph.db\nclaim db/c";
    EXPECT_EQ(job["metadata"]["annotations"]["neo4jbackup.dev/locks"], kLocks);
    EXPECT_EQ(job["spec"]["template"]["metadata"]["annotations"]["neo4jbackup.dev/locks"], kLocks)
        << "the pod may outlive its Job";
    Wish none;
    none.locks.clear();
    EXPECT_FALSE(none.job()["metadata"]["annotations"].contains("neo4jbackup.dev/locks"));
}

TEST(JobBuilder, GivesARunSpecThatTheRunnerReads) {
    const auto spec = spec_in(Wish{}.pod());
    EXPECT_EQ(spec.policy, contract::SourcePolicy::kReplicaOnly);
    EXPECT_EQ(spec.run.uid, "0123456789ab");
    EXPECT_EQ(spec.run.object_namespace, "db");
    EXPECT_EQ(spec.run.attempt, 2);
    EXPECT_EQ(spec.storage_path, "/backup/a/b");
    EXPECT_EQ(spec.http_port, kRunnerHttpPort);
}

TEST(JobBuilder, EndsTheRunnerAtItsLimitAndThePodAMinuteLater) {
    Wish wish;
    wish.limit = std::chrono::milliseconds(7'200'001);
    const auto job = wish.job();
    EXPECT_EQ(job["spec"]["activeDeadlineSeconds"], 7261) << "rounded up";
    EXPECT_EQ(spec_in(job["spec"]["template"]["spec"]).duration, wish.limit);
}

TEST(JobBuilder, MountsReadOnlyWhatIsOnlyRead) {
    const auto pod = Wish{}.pod();
    const auto mounts = pod["containers"][0]["volumeMounts"];
    ASSERT_EQ(mounts.size(), 2U);
    for (int i = 0; i < 2; ++i) EXPECT_EQ(mounts[i]["name"], pod["volumes"][i]["name"]);
    EXPECT_FALSE(mounts[0].contains("readOnly"));
    EXPECT_EQ(mounts[1]["readOnly"], true);
}

TEST(JobBuilder, OwnLabelsAndAnnotationsWinOverTheAdministrators) {
    Wish wish;
    wish.profile.labels = R"({"team":"a","neo4jbackup.dev/owner-uid":"forged","neo4jbackup.dev/source":"forged"})";
    wish.profile.annotations =
        R"({"note":"n","neo4jbackup.dev/locks":"forged","neo4jbackup.dev/spec-digest":"forged"})";
    const auto labels = wish.pod_labels();
    EXPECT_EQ(labels["team"], "a");
    EXPECT_EQ(labels["neo4jbackup.dev/owner-uid"], "0123456789ab");
    EXPECT_EQ(labels["neo4jbackup.dev/source"], "prod");
    const auto annotations = wish.job()["spec"]["template"]["metadata"]["annotations"];
    EXPECT_EQ(annotations["note"], "n");
    EXPECT_NE(annotations["neo4jbackup.dev/locks"], "forged");
    EXPECT_EQ(annotations["neo4jbackup.dev/spec-digest"], wish.digest());
}

TEST(JobBuilder, TellsInLabelsWhoseRunItIs) {
    const auto labels = Wish{}.pod_labels();
    EXPECT_EQ(labels["app.kubernetes.io/name"], "neo4j-backup-runner");
    EXPECT_EQ(labels["app.kubernetes.io/managed-by"], "neo4j-backup-operator");
    EXPECT_EQ(labels["neo4jbackup.dev/kind"], "Neo4jBackup");
    EXPECT_EQ(labels["neo4jbackup.dev/owner"], "b");
    EXPECT_EQ(labels["neo4jbackup.dev/attempt"], "2");
}

TEST(JobBuilder, PutsTheWholeProfileIntoThePod) {
    Wish wish;
    wish.profile.node_selector = R"({"disk":"fast"})";
    wish.profile.tolerations = R"([{"key":"backup"}])";
    wish.profile.affinity = R"({"nodeAffinity":{}})";
    wish.profile.image_pull_secrets = R"([{"name":"registry"}])";
    wish.profile.priority_class = "low";
    wish.profile.service_account = "backups";
    const auto pod = wish.pod();
    EXPECT_EQ(pod["nodeSelector"]["disk"], "fast");
    EXPECT_EQ(pod["tolerations"][0]["key"], "backup");
    EXPECT_TRUE(pod["affinity"].contains("nodeAffinity"));
    EXPECT_EQ(pod["imagePullSecrets"][0]["name"], "registry");
    EXPECT_EQ(pod["priorityClassName"], "low");
    EXPECT_EQ(pod["serviceAccountName"], "backups");
    const auto plain = Wish{}.pod();
    for (const char* key :
         {"nodeSelector", "tolerations", "affinity", "imagePullSecrets", "priorityClassName", "serviceAccountName"}) {
        EXPECT_FALSE(plain.contains(key)) << key;
    }
}

/// A Job whose server recovers what its runner restored.
Wish with_server() {
    Wish wish;
    wish.mounts = {{.name = "storage-credentials", .path = "/c", .volume = R"({"name":"storage-credentials"})"},
                   {.name = "target", .path = "/target", .volume = R"({"name":"target"})"}};
    wish.server = RecoveryServer{.image = "neo4j:3.4",
                                 .resources = server_resources({}),
                                 .database = "graph.db",
                                 .volume = "target",
                                 .path = "databases/restored.db"};
    return wish;
}

TEST(JobWithAServer, HasItsRunnerAsAnInitContainer) {
    const auto pod = with_server().pod();
    ASSERT_EQ(pod["initContainers"].size(), 1U);
    const auto runner = pod["initContainers"][0];
    auto plain = with_server();
    plain.server.reset();
    EXPECT_EQ(runner, plain.pod()["containers"][0]) << "it is the same runner";
    EXPECT_FALSE(plain.pod().contains("initContainers"));
    ASSERT_EQ(pod["containers"].size(), 1U);
    EXPECT_EQ(pod["containers"][0]["name"], "server");
    EXPECT_EQ(pod["containers"][0]["image"], "neo4j:3.4");
    EXPECT_EQ(pod["containers"][0]["command"], Json::array({"bash", "-c", kRecoverScript}));
}

TEST(JobWithAServer, GivesTheServerNothingButTheDatabaseAndPlaceToWrite) {
    auto wish = with_server();
    const auto server = wish.pod()["containers"][0];
    EXPECT_EQ(server.dump().find("storage-credentials"), std::string::npos);
    EXPECT_EQ(server.dump().find("N4B_RUN_SPEC"), std::string::npos);
    const auto mounts_of = [](const Json& container) {
        std::map<std::string, Json> mounts;
        for (const auto& mount : container["volumeMounts"]) mounts[mount["mountPath"]] = mount;
        return mounts;
    };
    auto mounts = mounts_of(server);
    EXPECT_EQ(mounts["/scratch/data/databases/graph.db"]["name"], "target");
    EXPECT_EQ(mounts["/scratch/data/databases/graph.db"]["subPath"], "databases/restored.db");
    for (const auto& [path, mount] : mounts) {
        EXPECT_TRUE(mount["name"] == "target" || mount["name"] == "server-scratch") << path;
    }
    EXPECT_EQ(wish.pod()["volumes"].back(), (Json{{"name", "server-scratch"}, {"emptyDir", Json::object()}}));
    wish.server->log_path = "logs";
    EXPECT_EQ(mounts_of(wish.pod()["containers"][0])["/scratch/transaction-log"]["subPath"], "logs");
}

TEST(JobWithAServer, MeetsTheRestrictedPodSecurityStandardToo) {
    const auto pod = with_server().pod();
    EXPECT_EQ(pod["automountServiceAccountToken"], false);
    const auto security = pod["containers"][0]["securityContext"];
    EXPECT_EQ(security["allowPrivilegeEscalation"], false);
    EXPECT_EQ(security["readOnlyRootFilesystem"], true);
    EXPECT_EQ(security["capabilities"]["drop"][0], "ALL");
}

TEST(JobWithAServer, LetsItStop) {
    EXPECT_EQ(with_server().pod()["terminationGracePeriodSeconds"], 600);
    EXPECT_EQ(Wish{}.pod()["terminationGracePeriodSeconds"], 30);
}

TEST(JobWithAServer, ChangesTheDigestWithItsServer) {
    auto other = with_server();
    EXPECT_NE(other.digest(), Wish{}.digest());
    other.server->image = "neo4j:3.5";
    EXPECT_NE(other.digest(), with_server().digest());
}

TEST(ServerResources, HaveAMemoryLimitWhateverIsGiven) {
    EXPECT_EQ(server_resources({}).limits.at("memory"), "2Gi");
    const auto given = server_resources({.limits = {{"memory", "512Mi"}}});
    EXPECT_EQ(given.limits.at("memory"), "512Mi");
    EXPECT_EQ(given.requests.at("memory"), "512Mi") << "lowered to the limit";
}

TEST(JobDigest, ChangesWithWhatTheJobDoesAndWithNothingElse) {
    const Wish wish;
    const auto changed = [&](auto change) {
        Wish other;
        change(other);
        return other.digest() != wish.digest();
    };
    EXPECT_TRUE(changed([](Wish& w) { w.config.image = "other"; }));
    EXPECT_TRUE(changed([](Wish& w) { w.spec.endpoints = {{"other", 6362}}; }));
    EXPECT_TRUE(changed([](Wish& w) { w.spec.command = contract::Command::kLookUp; }));
    EXPECT_TRUE(changed([](Wish& w) { w.mounts.pop_back(); }));
    EXPECT_TRUE(changed([](Wish& w) { w.profile.resources.limits["memory"] = "128Mi"; }));
    EXPECT_TRUE(changed([](Wish& w) { w.profile.service_account = "another"; })) << "it may stand for another role";
    EXPECT_TRUE(changed([](Wish& w) { w.profile.security_context = R"({"runAsUser":7})"; }));
    EXPECT_TRUE(changed([](Wish& w) { w.attempt.number = 3; }));
    EXPECT_TRUE(changed([](Wish& w) { w.owner.meta.uid = "another"; }));
    EXPECT_FALSE(changed([](Wish& w) { w.limit = std::chrono::hours(1); })) << "what is left of timeouts.run shrinks";
}

TEST(JobName, FitsALabelWhateverTheObjectIsCalled) {
    for (const auto& name : {std::string(63, 'a'), std::string(39, 'a') + ".b", std::string("a.b-")}) {
        const auto job = job_name({.name = name, .uid = "01234567-89ab"}, 1000);
        EXPECT_LE(job.size(), 63U);
        EXPECT_EQ(job.find_first_of("."), std::string::npos) << job;
        EXPECT_EQ(job.find("--"), std::string::npos) << job;
    }
}

TEST(LabelValue, IsCutAndCleaned) {
    EXPECT_EQ(label_value("graph.db"), "graph.db");
    EXPECT_EQ(label_value("a b/c"), "a_b_c");
    EXPECT_EQ(label_value("-a-"), "a");
    EXPECT_EQ(label_value("..."), "");
    EXPECT_EQ(label_value(std::string(62, 'a') + "-b").size(), 62U) << "what is left must not end in a dash";
}

}  // namespace
}  // namespace n4b::run
