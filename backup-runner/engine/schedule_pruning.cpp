#include "backup-runner/engine/schedule_pruning.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "backup-runner/engine/chain_listing.hpp"
#include "backup-runner/engine/pruning.hpp"
#include "backup-runner/engine/repository.hpp"
#include "common/base/saturating.hpp"

namespace n4b::engine {
namespace {

using base::Result;
using contract::ChainFate;
using contract::PrunedReport;
using contract::PruneReport;
using object_store::Call;
using object_store::ObjectStore;

retention::KeepRules rules_of(const contract::KeepSpec& keep) {
    return {.last = static_cast<int>(keep.last),
            .within = keep.within,
            .daily = static_cast<int>(keep.daily),
            .weekly = static_cast<int>(keep.weekly),
            .monthly = static_cast<int>(keep.monthly),
            .yearly = static_cast<int>(keep.yearly),
            .minimum_chains = static_cast<int>(keep.minimum_chains)};
}

ChainFate fate_of(RemovalState state) {
    switch (state) {
        case RemovalState::kRemoved:
            return ChainFate::kRemoved;
        case RemovalState::kWaiting:
            return ChainFate::kWaiting;
        case RemovalState::kHeld:
            return ChainFate::kHeld;
        case RemovalState::kLocked:
            return ChainFate::kLocked;
    }
    return ChainFate::kFailed;
}

/// How many removals were begun, by any run, and are not at their end. One of a chain with names that are not known
/// here never gets there, and each prune tells of it.
Result<std::int64_t> count_going_on(ObjectStore& store, const format::Layout& layout, const Call& call) {
    std::int64_t count = 0;
    N4B_TRY(const auto begun, removals_begun(store, layout, call));
    for (const auto& chain : begun) {
        const auto listing = list_chain(store, layout, chain, call);
        if (!listing && listing.error().reason == base::Reason::kArtifactNotSupported) continue;
        if (!listing) return base::fail(listing.error());
        const bool remains = !listing->heads.empty() || !listing->artifacts.empty();
        if (listing->closed && remains) ++count;
    }
    return count;
}

PrunedReport told(const retention::Verdict& verdict) {
    return {.chain = verdict.chain,
            .fate = verdict.stays() ? ChainFate::kStays : ChainFate::kGoes,
            .why = verdict.stays() ? std::string(retention::name_of(verdict.why)) : std::string(),
            .stored_bytes = verdict.stored_bytes};
}

class SchedulePruning {
public:
    SchedulePruning(const contract::RunSpec& spec, ObjectStore& store, const Call& call)
        : spec_(spec), store_(store), call_(call) {}

    Result<void> run() {
        const auto use = spec_.prune.chains ? format::RepositoryUse::kWrite : format::RepositoryUse::kRead;
        N4B_TRY(const auto repository, open_repository(store_, {.use = use, .expected_id = spec_.repository}, call_));
        report.repository = repository.id;
        const auto zone = calendar::TimeZone::find(spec_.prune.keep.time_zone);
        if (!zone) {
            auto error = zone.error().wrap("RunSpec: prune.keep.timeZone");
            error.reason = base::Reason::kInvalidRunSpec;
            return base::fail(std::move(error));
        }
        N4B_TRY(const auto layout, format::Layout::create(spec_.source, spec_.database));
        const PruneWish wish{
            .source = spec_.source,
            .database = spec_.database,
            .rules = rules_of(spec_.prune.keep),
            .zone = *zone,
            .run = {.uid = spec_.run.uid, .attempt = spec_.run.attempt},
            .repository = repository.id,
            .made_by = ScheduleName{
                .cluster = spec_.run.cluster, .name_space = spec_.run.object_namespace, .name = spec_.run.schedule}};
        N4B_TRY(const auto plan, plan_pruning(store_, wish, call_));
        auto& told_of = report.prune.emplace();
        for (const auto& verdict : plan.verdicts) ++(verdict.stays() ? told_of.stays : told_of.goes);
        if (!spec_.prune.chains) {
            tell_plan(plan);
        } else {
            N4B_TRY_VOID(carry_out(wish, plan));
        }
        N4B_TRY(told_of.going_on, count_going_on(store_, layout, call_));
        return {};
    }

    contract::RunReport report{};

private:
    void tell_plan(const retention::Plan& plan) {
        auto& prune = *report.prune;
        for (auto verdict = plan.verdicts.rbegin(); verdict != plan.verdicts.rend(); ++verdict)
            if (!verdict->stays()) prune.chains.push_back(told(*verdict));
        for (const auto& verdict : plan.verdicts)
            if (verdict.stays()) prune.chains.push_back(told(verdict));
        prune.bytes = plan.freed_bytes;
        report.message = fmt::format("{} of {} chains can go, {} bytes", prune.goes, plan.verdicts.size(), prune.bytes);
    }

    Result<void> carry_out(const PruneWish& wish, const retention::Plan& plan) {
        const auto is_announced = [&](const std::string& chain) {
            return std::ranges::count(*spec_.prune.chains, chain) > 0;
        };
        retention::Plan announced;
        std::vector<PrunedReport> spared;
        for (const auto& verdict : plan.verdicts) {
            if (verdict.stays() || is_announced(verdict.chain)) announced.verdicts.push_back(verdict);
            if (!verdict.stays() && is_announced(verdict.chain)) announced_.insert(verdict.chain);
            // Since the plan was announced a rule, a hold or a backup that failed may have come to keep a chain.
            if (verdict.stays() && is_announced(verdict.chain)) spared.push_back(told(verdict));
        }
        std::optional<base::Error> failure;
        const auto tell = [&](const PrunedChain& pruned) {
            if (!pruned.removal && !failure) failure = pruned.removal.error();
            add(pruned);
        };
        const auto cleaned = prune(store_, wish, announced, tell, call_);
        auto& prune = *report.prune;
        prune.chains.insert(prune.chains.end(), spared.begin(), spared.end());
        report.message = fmt::format("{} bytes were removed; {} chains stay", prune.bytes, prune.stays);
        if (!cleaned) return base::fail(cleaned.error());
        prune.keeps_versions = prune.keeps_versions || cleaned->hidden;
        if (cleaned->artifacts > 0) {
            report.cleaned = contract::CleanedReport{.artifacts = cleaned->artifacts, .bytes = cleaned->bytes};
        }
        if (!cleaned->trouble.empty()) {
            report.message += "; not all that unfinished backups left could be removed: " + cleaned->trouble;
        }
        if (failure) return base::fail(*failure);
        return {};
    }

    void add(const PrunedChain& pruned) {
        auto& prune = *report.prune;
        PrunedReport told{.chain = pruned.chain};
        if (!pruned.removal) {
            told.fate = ChainFate::kFailed;
            told.why = std::string(to_string(pruned.removal.error().reason.value_or(base::Reason::kInternalError)));
        } else {
            const auto& removal = *pruned.removal;
            told.fate = fate_of(removal.state);
            told.stored_bytes = removal.bytes;
            prune.bytes = base::saturating_sum(prune.bytes, removal.bytes);
            prune.keeps_versions = prune.keeps_versions || removal.hidden;
            if (removal.wait_until)
                prune.wait_until = std::max(prune.wait_until.value_or(*removal.wait_until), *removal.wait_until);
            // A chain whose removal an earlier attempt began is not in this plan, so it was not counted in `goes`.
            if (removal.state == RemovalState::kRemoved && announced_.contains(pruned.chain)) --prune.goes;
        }
        prune.chains.push_back(std::move(told));
    }

    const contract::RunSpec& spec_;
    ObjectStore& store_;
    const Call& call_;
    std::set<std::string> announced_{};  ///< Those of the chains named that go by the plan.
};

}  // namespace

contract::RunReport prune_for_schedule(const contract::RunSpec& spec, ObjectStore& store, const Call& call) {
    SchedulePruning pruning(spec, store, call);
    const auto done = pruning.run();
    auto report = std::move(pruning.report);
    report.run_uid = spec.run.uid;
    report.attempt = spec.run.attempt;
    report.reason = base::Reason::kCompleted;
    if (!done) {
        report.reason = done.error().reason.value_or(base::Reason::kInternalError);
        report.message = done.error().message;
    }
    return report;
}

}  // namespace n4b::engine
