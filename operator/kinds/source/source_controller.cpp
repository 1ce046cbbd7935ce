#include "operator/kinds/source/source_controller.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "operator/jobs/fresh_object.hpp"
#include "operator/kinds/source/endpoints.hpp"
#include "operator/kinds/source/source_plan.hpp"
#include "operator/kube/write_status.hpp"
#include "operator/run/look.hpp"

namespace n4b::source {
namespace {

using base::Result;
using jobs::Requeue;

constexpr char kKind[] = "Neo4jBackupSource";

std::string path_of(const api::Meta& meta) {
    return jobs::object_path(api::api_path(), meta, "neo4jbackupsources", meta.name);
}

kube::StatusTarget target_of(const api::Meta& meta) {
    return {.path = path_of(meta), .resource_version = meta.resource_version, .uid = meta.uid};
}

}  // namespace

Result<Requeue> SourceController::reconcile(const std::string& key, const std::stop_token& stop) {
    const auto known = sources_.get(key);
    environment_.locks.sweep(kKind, key, known ? known->meta.uid : std::string());
    if (!known) {
        const std::scoped_lock lock(mutex_);
        heard_.erase(key);
        return Requeue{};
    }
    return jobs::drive_fresh<Source>(environment_.client, path_of(known->meta), &parse_source, *known, stop,
                                     [this](const Source& source) { return drive(source); });
}

void SourceController::hear(const std::string& key, const contract::RunReport& report) {
    if (!report.source) return;
    const std::scoped_lock lock(mutex_);
    heard_.insert_or_assign(key, report);
}

Result<Requeue> SourceController::drive(const Source& source) {
    if (source.meta.deleted) return Requeue{};
    if (!source.status.run.finished()) return probe(source, source.status);
    N4B_TRY(const auto taken_over, take_over(source));
    if (taken_over == TakenOver::kWritten) return Requeue{};  // The change brings the source back.
    const auto left = until_probe(source, environment_.clock.system_now());
    if (left == std::chrono::milliseconds(0)) return probe(source, begun(source.status));
    N4B_TRY(const auto requeue, probe(source, source.status));  // Its Jobs are removed when their time is over.
    return requeue ? std::min(*requeue, left) : left;
}

Result<SourceController::TakenOver> SourceController::take_over(const Source& source) {
    const auto key = source.meta.key();
    std::optional<contract::RunReport> report;
    {
        const std::scoped_lock lock(mutex_);
        if (const auto heard = heard_.find(key); heard != heard_.end()) report = heard->second;
    }
    if (!report) return TakenOver::kNothing;
    Source seen = source;
    seen.status = status_after(source, *report, environment_.clock.system_now());
    N4B_TRY(const auto written,
            kube::write_status(environment_.client, target_of(source.meta), status_json(source.status),
                               status_json(seen.status), conditions_json(seen.status)));
    if (written == kube::StatusWrite::kConflict) {
        return base::fail(base::ErrorCode::kConflict, "the source changed while its members were looked at");
    }
    const std::scoped_lock lock(mutex_);
    if (const auto heard = heard_.find(key); heard != heard_.end() && heard->second == *report) heard_.erase(heard);
    return written == kube::StatusWrite::kWritten ? TakenOver::kWritten : TakenOver::kNothing;
}

Result<Requeue> SourceController::probe(const Source& source, const SourceStatus& begun) {
    Source current = source;
    current.status = begun;
    const auto finish = [&](run::RunStep& step, const run::Preparation*) -> jobs::StatusTexts {
        const auto status = status_after(current, step, environment_.clock.system_now());
        return {.whole = status_json(status), .conditions = conditions_json(status)};
    };
    const auto prepare_probe = [&](const run::StartAttempt&) -> Result<run::Preparation> {
        N4B_TRY(auto endpoints, endpoints_of(environment_.client, current));
        return prepare(current, std::move(endpoints), environment_.config);
    };
    return environment_.driver.drive({.owner = owner_of(current),
                                      .status = current.status.run,
                                      .before = run::look_verdict(current.status.conditions),
                                      .path = path_of(current.meta),
                                      .status_before = status_json(source.status),
                                      .prepare = prepare_probe,
                                      .finish = finish,
                                      .read = [](const auto& json) -> Result<run::RunStatus> {
                                          N4B_TRY(const auto live, parse_source(json));
                                          return live.status.run;
                                      }});
}

}  // namespace n4b::source
