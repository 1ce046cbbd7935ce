#include "operator/kinds/backup_schedule/retention_status.hpp"

#include <algorithm>

#include "common/base/json_object.hpp"
#include "common/base/rfc3339.hpp"
#include "operator/api/duration.hpp"
#include "operator/api/read_meta.hpp"

namespace n4b::backup_schedule {
namespace {

using base::Json;
using base::JsonObject;
using base::time_or_null;
using contract::PruneReport;

constexpr char kPlan[] = "Plan";
constexpr char kRemove[] = "Remove";

/// What a runner of another version tells must not make a status that the API server refuses.
Json count_json(std::int64_t count) {
    return std::max<std::int64_t>(count, 0);
}

Json chains_json(const PruneReport& report) {
    Json chains = Json::array();
    for (const auto& chain : report.chains) {
        Json json{
            {"chain", chain.chain}, {"fate", to_string(chain.fate)}, {"storedBytes", count_json(chain.stored_bytes)}};
        if (!chain.why.empty()) json["why"] = chain.why;
        chains.push_back(std::move(json));
    }
    return chains;
}

Json report_json(const std::optional<PruneReport>& report) {
    if (!report) return {};
    return {{"chains", chains_json(*report)},          {"leftOut", count_json(report->left_out)},
            {"stays", count_json(report->stays)},      {"goes", count_json(report->goes)},
            {"bytes", count_json(report->bytes)},      {"goingOn", count_json(report->going_on)},
            {"keepsVersions", report->keeps_versions}, {"waitUntil", time_or_null(report->wait_until)}};
}

PruneReport read_report(JsonObject& object) {
    PruneReport report{.left_out = object.value_or<std::int64_t>("leftOut", 0),
                       .stays = object.value_or<std::int64_t>("stays", 0),
                       .goes = object.value_or<std::int64_t>("goes", 0),
                       .bytes = object.value_or<std::int64_t>("bytes", 0),
                       .going_on = object.value_or<std::int64_t>("goingOn", 0),
                       .keeps_versions = object.value_or("keepsVersions", false),
                       .wait_until = api::read_time(object, "waitUntil")};
    object.each("chains", [&](JsonObject& one) {
        const auto fate = contract::parse_chain_fate(one.value_or<std::string>("fate", ""));
        // A fate that a later operator wrote: the next plan tells anew.
        if (!fate) return;
        report.chains.push_back({.chain = one.required<std::string>("chain"),
                                 .fate = *fate,
                                 .why = one.value_or<std::string>("why", ""),
                                 .stored_bytes = one.value_or<std::int64_t>("storedBytes", 0)});
    });
    return report;
}

}  // namespace

contract::KeepSpec read_keep(JsonObject& object) {
    contract::KeepSpec keep;
    keep.last = object.value_or("last", keep.last);
    if (const auto within = api::read_duration(object, "within")) {
        keep.within = std::chrono::ceil<std::chrono::seconds>(*within);
    }
    keep.daily = object.value_or("daily", keep.daily);
    keep.weekly = object.value_or("weekly", keep.weekly);
    keep.monthly = object.value_or("monthly", keep.monthly);
    keep.yearly = object.value_or("yearly", keep.yearly);
    keep.minimum_chains = object.value_or("minimumChains", keep.minimum_chains);
    keep.time_zone = object.value_or("timeZone", keep.time_zone);
    return keep;
}

RetentionStatus read_retention(JsonObject& object) {
    RetentionStatus retention;
    const auto step = object.value_or<std::string>("step", "");
    if (step == kPlan) retention.step = RetentionStep::kPlan;
    if (step == kRemove) retention.step = RetentionStep::kRemove;
    retention.generation = object.value_or<std::int64_t>("generation", -1);
    retention.planned = api::read_time(object, "planTime");
    object.object("plan", [&](JsonObject& plan) { retention.plan = read_report(plan); });
    retention.removed = api::read_time(object, "removalTime");
    object.object("result", [&](JsonObject& result) { retention.result = read_report(result); });
    retention.run = run::read_run_status(object);
    return retention;
}

std::optional<base::SystemTime> refused_at(const std::vector<api::Condition>& conditions) {
    const auto* pruning = api::find_condition(conditions, kPruning);
    const bool refused =
        pruning != nullptr && pruning->status == "False" && pruning->reason == to_string(base::Reason::kStatusRefused);
    return refused ? std::optional(pruning->last_transition) : std::nullopt;
}

Json retention_json(const RetentionStatus& retention) {
    if (retention.step == RetentionStep::kNone) return {};
    Json json{{"step", retention.step == RetentionStep::kPlan ? kPlan : kRemove},
              {"generation", retention.generation},
              {"planTime", time_or_null(retention.planned)},
              {"plan", report_json(retention.plan)},
              {"removalTime", time_or_null(retention.removed)},
              {"result", report_json(retention.result)}};
    run::write_run_status(json, retention.run);
    return json;
}

}  // namespace n4b::backup_schedule
