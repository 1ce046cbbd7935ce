#include "operator/api/workload.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/json_object.hpp"
#include "common/base/rfc3339.hpp"

namespace n4b::api {
namespace {

using base::Json;

Json object(const char* rest) {
    auto json = Json::parse(R"({"metadata": {"name": "n", "namespace": "db", "uid": "u", "resourceVersion": "1"}})");
    json.merge_patch(Json::parse(rest));
    return json;
}

TEST(EndpointSlice, GivesReadyAddressesOfTheNamedPort) {
    const auto slice = Json::parse(R"({"ports": [{"name": "http", "port": 7474}, {"name": "backup", "port": 6362}],
        "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": true}, "targetRef": {"kind": "Pod", "name": "replica-0"}},
                      {"addresses": ["10.0.0.2"], "conditions": {"ready": false}}, {"addresses": ["10.0.0.3"]}]})");
    using Addresses = std::vector<contract::Endpoint>;
    EXPECT_EQ(*parse_ready_addresses(slice, "backup"),
              (Addresses{{"10.0.0.1", 6362, "replica-0"}, {"10.0.0.3", 6362}}));
    EXPECT_EQ(*parse_ready_addresses(slice, "bolt"), Addresses{});
}

TEST(Job, TellsWhetherItWasLetGoAndSinceWhen) {
    const auto waits = parse_job(object(R"({"spec": {"suspend": true}})"));
    ASSERT_TRUE(waits);
    EXPECT_TRUE(waits->suspended);
    EXPECT_FALSE(waits->started);
    const auto runs =
        parse_job(object(R"({"spec": {"suspend": false}, "status": {"startTime": "2026-11-24T10:00:00Z"}})"));
    ASSERT_TRUE(runs);
    EXPECT_FALSE(runs->suspended);
    EXPECT_EQ(base::format_rfc3339(*runs->started), "2026-11-24T10:00:00Z");
    EXPECT_FALSE(parse_job(object(R"({"spec": {}})"))->suspended) << "absent means that it runs";
}

TEST(Job, EndsOnlyByAConditionThatIsTrue) {
    const auto with = [](const char* type, const char* status) {
        auto json = object("{}");
        json["status"]["conditions"] = {{{"type", type}, {"status", status}, {"reason", "DeadlineExceeded"}}};
        return *parse_job(json);
    };
    EXPECT_TRUE(with("Complete", "True").complete);
    EXPECT_TRUE(with("Failed", "True").failed);
    EXPECT_EQ(with("Failed", "True").failed_reason, "DeadlineExceeded");
    EXPECT_FALSE(with("Failed", "False").failed);
    EXPECT_FALSE(with("Suspended", "True").failed);
    EXPECT_FALSE(parse_job(object(R"({"status": {"conditions": {}}})")));
}

TEST(Pod, IsReadByItsRunnersContainerOnly) {
    const auto pod =
        parse_pod(object(R"({"spec": {"nodeName": "node"}, "status": {"phase": "Running", "podIP": "10.0.0.1",
        "containerStatuses": [
          {"name": "proxy", "state": {"running": {}}},
          {"name": "runner", "state": {"terminated": {"exitCode": 20, "reason": "Error", "message": "m"}}}]}})"));
    ASSERT_TRUE(pod) << pod.error().message;
    EXPECT_EQ(pod->node, "node");
    EXPECT_EQ(pod->ip, "10.0.0.1");
    ASSERT_TRUE(pod->runner);
    EXPECT_TRUE(pod->runner->terminated);
    EXPECT_FALSE(pod->runner->running);
    EXPECT_EQ(pod->runner->exit_code, 20);
    EXPECT_EQ(pod->runner->message, "m");
    EXPECT_TRUE(pod->alive()) << "the proxy keeps the volume mounted";
}

Pod pod_with(const char* init, const char* containers) {
    auto json = object("{}");
    json["status"]["initContainerStatuses"] = Json::parse(init);
    json["status"]["containerStatuses"] = Json::parse(containers);
    return *parse_pod(json);
}

TEST(Pod, WhoseRunnerIsAnInitContainerHasAServerThatFollows) {
    constexpr char kWaits[] = R"([{"name": "server", "state": {"waiting": {"reason": "PodInitializing"}}}])";
    auto pod = pod_with(R"([{"name": "runner", "state": {"running": {}}}])", kWaits);
    ASSERT_TRUE(pod.server);
    EXPECT_EQ(pod.current(), &*pod.runner);
    EXPECT_FALSE(pod.work_ended());
    pod = pod_with(
        R"([{"name": "runner", "state": {"terminated": {"exitCode": 0, "finishedAt": "2026-11-24T10:00:00Z"}}}])",
        kWaits);
    EXPECT_TRUE(pod.is_servers_turn());
    EXPECT_EQ(pod.current(), &*pod.server);
    EXPECT_TRUE(pod.runner->finished);
    EXPECT_FALSE(pod.work_ended()) << "the server is yet to come";
    pod = pod_with(R"([{"name": "runner", "state": {"terminated": {"exitCode": 0}}}])",
                   R"([{"name": "server", "state": {"terminated": {"exitCode": 1, "message": "m"}}}])");
    EXPECT_EQ(pod.server->message, "m");
    EXPECT_TRUE(pod.work_ended());
    pod = pod_with(R"([{"name": "runner", "state": {"terminated": {"exitCode": 20}}}])", kWaits);
    EXPECT_TRUE(pod.work_ended()) << "the server never starts";
    EXPECT_TRUE(pod_with(R"([{"name": "runner", "state": {"running": {}}}])", "[]").server)
        << "the kubelet may not list it yet";
}

TEST(Pod, TakesNobodyElsesContainerForAServer) {
    const auto pod = pod_with(R"([{"name": "mesh", "state": {"terminated": {}}}])",
                              R"([{"name": "runner", "state": {"terminated": {"exitCode": 0}}},
                                  {"name": "server", "state": {"running": {}}}])");
    EXPECT_FALSE(pod.server);
    EXPECT_TRUE(pod.work_ended());
}

TEST(Pod, LivesUntilItsPhaseSaysOtherwise) {
    for (const auto& [phase, alive] :
         {std::pair("Pending", true), std::pair("Running", true), std::pair("Unknown", true),
          std::pair("Succeeded", false), std::pair("Failed", false)}) {
        EXPECT_EQ(Pod{.phase = phase}.alive(), alive) << phase;
    }
}

TEST(Pod, TellsWhyItDoesNotRun) {
    const auto pod = parse_pod(object(R"({"status": {"conditions": [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no node"},
        {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI", "message": "drained"}]}})"));
    ASSERT_TRUE(pod);
    EXPECT_EQ(pod->unschedulable, "no node");
    EXPECT_EQ(pod->disruption, "EvictionByEvictionAPI");
    EXPECT_EQ(pod->disruption_message, "drained");
}

TEST(Claim, IsExclusiveWhenNoNodeCanShareIt) {
    const auto exclusive = [](const char* modes) {
        auto json = object("{}");
        json["spec"]["accessModes"] = Json::parse(modes);
        return parse_claim(json)->exclusive();
    };
    EXPECT_TRUE(exclusive(R"(["ReadWriteOnce"])"));
    EXPECT_TRUE(exclusive(R"(["ReadWriteOncePod"])"));
    EXPECT_FALSE(exclusive(R"(["ReadWriteMany"])"));
    EXPECT_FALSE(exclusive(R"(["ReadWriteOnce", "ReadWriteMany"])"));
    EXPECT_FALSE(exclusive("[]"));
}

TEST(Claim, TellsThatItIsBeingDeleted) {
    EXPECT_FALSE(parse_claim(object(R"({"status": {"phase": "Bound"}})"))->terminating);
    const auto going = parse_claim(object(R"({"metadata": {"deletionTimestamp": "2026-11-24T10:00:00Z"}})"));
    ASSERT_TRUE(going);
    EXPECT_TRUE(going->terminating);
    EXPECT_FALSE(parse_claim(object(R"({"spec": {"accessModes": "ReadWriteOnce"}})")));
}

}  // namespace
}  // namespace n4b::api
