#include <fmt/format.h>

#include <memory>
#include <random>

#include "backup-runner/app/commands.hpp"
#include "backup-runner/app/environment.hpp"
#include "backup-runner/app/json_output.hpp"
#include "backup-runner/app/outcome.hpp"
#include "backup-runner/app/progress_display.hpp"
#include "backup-runner/app/progress_server.hpp"
#include "backup-runner/app/progress_text.hpp"
#include "backup-runner/app/source_dialer.hpp"
#include "backup-runner/app/store_opening.hpp"
#include "backup-runner/app/version.hpp"
#include "backup-runner/engine/backup.hpp"
#include "backup-runner/engine/budget.hpp"
#include "backup-runner/engine/source_probe.hpp"
#include "common/base/notice.hpp"

namespace n4b::runner {
namespace {

using base::Json;
using base::Result;
using contract::RunReport;

void tell_choice(const contract::SourceReport& source, const std::vector<contract::PassedOver>& others) {
    for (const auto& other : others) {
        base::debug(fmt::format("passed over {}: {}: {}", other.address, to_string(other.reason), other.message));
    }
    base::info("copying from " + source_text(source),
               {{"address", source.address}, {"member", source.member}, {"choice", source.choice}});
}

/// What a backup works with, as far as it is the same for a plan.
struct Parts {
    contract::RunSpec spec;  ///< With as many connections as memory allows.
    std::unique_ptr<net::Dialer> dialer;
    engine::BufferSizes buffers;
};

Result<Parts> parts_of(contract::RunSpec spec) {
    N4B_TRY(auto dialer, dialer_for(spec));
    N4B_TRY(const auto budget, engine::fit(memory_limit(), {.connections = spec.connections,
                                                            .compression = spec.compression,
                                                            .to_bucket = spec.storage_s3.has_value(),
                                                            .network = dialer->memory_use()}));
    spec.connections = budget.connections;
    return Parts{.spec = std::move(spec), .dialer = std::move(dialer), .buffers = budget.buffers};
}

engine::BackupEnvironment environment_of(const Parts& parts, object_store::ObjectStore& store,
                                         engine::ProgressCounters& progress, base::SteadyTime started) {
    static const base::RealClock kClock;
    return {.dialer = *parts.dialer,
            .store = store,
            .clock = kClock,
            .random = [] { return std::random_device{}(); },
            .progress = progress,
            .buffers = parts.buffers,
            .version = kVersion,
            .started = started,
            .on_choice = tell_choice};
}

Result<RunReport> back_up(const contract::RunSpec& spec, base::SteadyTime started, std::stop_token stop) {
    N4B_TRY(const auto parts, parts_of(spec));
    engine::ProgressCounters counters;
    const auto server = serve_progress(parts.spec, counters);
    const ProgressDisplay display(counters);
    N4B_TRY(const auto store, open_store_of(spec, kPatientTries));
    return engine::back_up(parts.spec, environment_of(parts, *store, counters, started), std::move(stop));
}

Result<engine::BackupPlan> plan(const contract::RunSpec& spec, base::SteadyTime started, std::stop_token stop) {
    N4B_TRY(const auto parts, parts_of(spec));
    N4B_TRY(const auto store, open_store_of(spec, kFewTries, /*dry_run=*/true));
    engine::ProgressCounters counters;
    return engine::plan_backup(parts.spec, environment_of(parts, *store, counters, started), std::move(stop));
}

Json json_of(const contract::RunSpec& spec, const engine::BackupPlan& plan) {
    auto json = Json::parse(contract::to_json(plan.report));
    json["dryRun"] = true;
    json["kind"] = plan.goes_on_from ? "Incremental" : "Full";
    if (plan.goes_on_from) json["goesOnFrom"] = plan.goes_on_from->key;
    if (plan.why_full) {
        json["unexpectedFull"] = {{"reason", to_string(plan.why_full->reason)}, {"message", plan.why_full->message}};
    }
    json["storage"] = describe(store_of(spec));
    if (!plan.repository.empty()) json["repository"] = plan.repository;
    if (plan.earlier) {
        const auto& head = plan.earlier->head;
        json["earlier"] = {{"head", plan.earlier->key},
                           {"highestTransaction", highest_of(head)},
                           {"bytes", head.counts.plain_bytes},
                           {"storedBytes", head.counts.stored_bytes}};
    }
    if (plan.space) json["availableBytes"] = plan.space->available;
    return json;
}

void print_plan(Output& output, const contract::RunSpec& spec, const engine::BackupPlan& plan) {
    const auto& report = plan.report;
    const bool possible = report.reason == base::Reason::kCompleted;
    output.row("would back up", fmt::format("{}/{}", spec.source, spec.database));
    if (plan.goes_on_from) {
        output.row("as", "an increment of " + plan.goes_on_from->key);
    } else if (plan.why_full) {
        output.row("as", fmt::format("a full, and no increment: {}: {}", to_string(plan.why_full->reason),
                                     plan.why_full->message));
    } else if (possible) {
        output.row("as", "a full");
    }
    output.row("into", describe(store_of(spec)));
    if (possible || !plan.repository.empty()) {
        output.row("repository", plan.repository.empty() ? "would be made" : plan.repository);
    }
    if (plan.space) {
        output.row("free there",
                   fmt::format("{} of {}", size_text(plan.space->available), size_text(plan.space->total)));
    }
    if (plan.earlier) {
        const auto& head = plan.earlier->head;
        output.row("last backup",
                   fmt::format("{}, up to transaction {}, {}, stored as {}", plan.earlier->key, highest_of(head),
                               size_text(head.counts.plain_bytes), size_text(head.counts.stored_bytes)));
    } else if (possible) {
        output.row("last backup", "none");
    }
    if (report.source) {
        output.row("source", source_text(*report.source));
        output.row("last transaction", std::to_string(report.source->last_transaction));
    }
    output.row("in the way", possible ? "nothing" : report.message);
}

int tell_plan(const BackupOptions& options, const engine::BackupPlan& plan) {
    Output output;
    if (options.output == BackupOutput::kText) {
        print_plan(output, options.spec, plan);
    } else {
        print_json(output, json_of(options.spec, plan));
    }
    return finish(tell_outcome(plan.report), output);
}

ReportForm form_of(BackupOutput output) {
    switch (output) {
        case BackupOutput::kReport:
            return ReportForm::kSuccessJson;
        case BackupOutput::kText:
            return ReportForm::kText;
        case BackupOutput::kJson:
            return ReportForm::kJson;
    }
    return ReportForm::kSuccessJson;
}

}  // namespace

int run(const BackupOptions& options, base::SteadyTime started, std::stop_token stop) {
    if (options.dry_run) {
        auto found = plan(options.spec, started, std::move(stop));
        return tell_plan(
            options, found ? *std::move(found) : engine::BackupPlan{.report = report_of(options.spec, found.error())});
    }
    const auto report = back_up(options.spec, started, std::move(stop));
    return conclude(report ? *report : report_of(options.spec, report.error()), form_of(options.output));
}

int run(const LookUpOptions& options, base::SteadyTime started, std::stop_token stop) {
    const auto& spec = options.spec;
    const auto deadline = engine::deadline_of(spec, started);
    const auto store = open_store(store_of(spec), kFewTries);
    return conclude(store ? engine::look_up_run(spec, **store, {.deadline = deadline, .stop = std::move(stop)})
                          : report_of(spec, store.error()));
}

}  // namespace n4b::runner
