#include "tests/operator/jobs/operator_process.hpp"

#include <gtest/gtest.h>

#include <set>
#include <utility>

#include "common/base/json_object.hpp"
#include "operator/api/read_meta.hpp"
#include "operator/run/locks.hpp"

namespace n4b::jobs {
namespace {

using base::Json;
using base::JsonObject;
using base::Result;
using Outcome = run::Verdict::Outcome;

template <typename T>
void take_over(kube::Store<T>& store, const testing::FakeApi& api, const char* collection,
               Result<T> (*parse)(const Json&)) {
    std::set<std::string> there;
    for (const auto& path : api.paths_in(collection)) {
        auto object = parse(api.get(path));
        ASSERT_TRUE(object) << path << ": " << object.error().message;
        const auto key = object->meta.key();
        there.insert(key);
        store.apply(key, std::move(*object));
    }
    store.retain("", there);
}

/// The run's part of an object, and its conditions.
struct Owner {
    api::Meta meta{};
    run::RunPolicy policy{};
    run::RunStatus status{};
    std::vector<api::Condition> conditions{};
};

Result<Owner> parse_owner(const Json& json) {
    JsonObject object(json, "");
    Owner owner{.meta = api::read_meta(object)};
    object.object("spec", [&](JsonObject& spec) { owner.policy = run::read_run_policy(spec); });
    object.object("status", [&](JsonObject& status) {
        owner.status = run::read_run_status(status);
        owner.conditions = api::read_conditions(status);
    });
    const auto* finished = api::find_condition(owner.conditions, "Finished");
    if (finished != nullptr && finished->status == "True" && !owner.status.completed) {
        owner.status.completed = finished->last_transition;
    }
    N4B_TRY_VOID(object.finish());
    return owner;
}

std::string whole(const run::RunStatus& status, const std::vector<api::Condition>& conditions) {
    Json json{{"conditions", api::conditions_json(conditions)}};
    run::write_run_status(json, status);
    return json.dump();
}

}  // namespace

OperatorProcess::OperatorProcess(Cluster& cluster, std::size_t limit, http::Transport* transport)
    : cluster_(cluster),
      client_(transport != nullptr ? *transport : cluster.api, {}),
      job_store_([](auto&&...) {}),
      pod_store_([](auto&&...) {}),
      config_{.image = cluster.image},
      events(events_client_, cluster.clock, "test"),
      locks(limit, workload_, cluster.clock, [this](const auto& /*kind*/, const auto& key) { woken.push_back(key); }),
      driver({.client = client_,
              .events = events,
              .workload = workload_,
              .locks = locks,
              .metrics = metrics_,
              .clock = cluster.clock,
              .config = config_,
              .progress = [this](const auto& /*uid*/) { return progress; }}) {}

void OperatorProcess::watch() {
    take_over(job_store_, cluster_.api, kJobs, &api::parse_job);
    take_over(pod_store_, cluster_.api, kPods, &api::parse_pod);
}

void OperatorProcess::recover() {
    watch();
    locks.recover();
}

Result<run::Preparation> OperatorProcess::prepare(const Json& object, const run::StartAttempt& start) const {
    const auto name = object.at("metadata").at("name").get<std::string>();
    if (const auto gate = cluster_.gates.find(name); gate != cluster_.gates.end()) {
        return run::Preparation{.hindrance = gate->second};
    }
    const auto source = object.at("spec").at("source").get<std::string>();
    const auto claim = object.at("spec").at("claim").get<std::string>();
    run::Preparation prepared;
    prepared.locks = {run::source_lock("db", source, "graph.db")};
    if (!claim.empty()) prepared.locks.push_back(run::claim_lock("db", claim));
    prepared.spec = {.command = start.look_up ? contract::Command::kLookUp : contract::Command::kBackup,
                     .source = source,
                     .endpoints = {{"h", 6362}},
                     .database = "graph.db",
                     .storage_path = "/backup"};
    return prepared;
}

Result<Requeue> OperatorProcess::drive(const std::string& name) {
    watch();
    return drive_as(cluster_.owner(name));
}

Result<Requeue> OperatorProcess::drive_as(const Json& object) {
    N4B_TRY(const auto owner, parse_owner(object));
    locks.sweep("Neo4jBackup", owner.meta.key(), owner.meta.uid);
    const auto finish = [&](run::RunStep& step, const run::Preparation*) -> StatusTexts {
        steps.push_back(step);
        auto conditions = owner.conditions;
        run::set_verdict(conditions, step.verdict, {.now = cluster_.clock.now, .generation = owner.meta.generation});
        return {.whole = whole(step.status, conditions),
                .conditions = Json{{"conditions", api::conditions_json(conditions)}}.dump()};
    };
    return driver.drive({.owner = {.meta = owner.meta, .kind = "Neo4jBackup", .policy = owner.policy},
                         .status = owner.status,
                         .before = run::verdict_of(owner.conditions),
                         .path = owner_path(owner.meta.name),
                         .locks = {run::source_lock("db", object.at("spec").at("source"), "graph.db")},
                         .status_before = whole(owner.status, owner.conditions),
                         .prepare = [&](const auto& start) { return prepare(object, start); },
                         .finish = finish,
                         .read = [](const auto& json) -> Result<run::RunStatus> {
                             N4B_TRY(const auto live, parse_owner(json));
                             return live.status;
                         }});
}

Requeue OperatorProcess::settle(const std::string& name) {
    constexpr int kEnough = 20;
    for (int i = 0; i < kEnough; ++i) {
        const auto done = drive(name);
        EXPECT_TRUE(done) << done.error().message;
        if (!done) return {};
        if (!*done || **done > std::chrono::milliseconds(0)) return *done;
    }
    ADD_FAILURE() << name << " never comes to rest";
    return {};
}

}  // namespace n4b::jobs
