#include <fmt/format.h>

#include "backup-runner/app/commands.hpp"
#include "backup-runner/app/json_output.hpp"
#include "backup-runner/app/outcome.hpp"
#include "backup-runner/app/repository_view.hpp"
#include "backup-runner/engine/pruning.hpp"
#include "backup-runner/engine/repository.hpp"
#include "backup-runner/engine/schedule_pruning.hpp"
#include "backup-runner/engine/source_probe.hpp"
#include "common/base/hex.hpp"
#include "common/base/notice.hpp"
#include "common/base/rfc3339.hpp"

namespace n4b::runner {
namespace {

using base::Json;
using base::Result;
using engine::RemovalState;
using retention::Why;

/// What keeps a chain, for a person.
std::string_view text_of(Why why) {
    switch (why) {
        case Why::kNoRules:
            return "there is no rule";
        case Why::kNotOurs:
            return "a later version made it, or it can't be read";
        case Why::kHeld:
            return "a hold keeps it";
        case Why::kFromTheFuture:
            return "its times lie ahead of the storage's clock";
        case Why::kNewest:
            return "the newest that can be restored";
        case Why::kNewestVerified:
            return "the newest that was read back whole";
        case Why::kLast:
            return "--keep-last";
        case Why::kWithin:
            return "--keep-within";
        case Why::kDaily:
            return "--keep-daily";
        case Why::kWeekly:
            return "--keep-weekly";
        case Why::kMonthly:
            return "--keep-monthly";
        case Why::kYearly:
            return "--keep-yearly";
        case Why::kMinimum:
            return "--minimum-chains";
        case Why::kDamagedButRecent:
            return "damaged, and as recent as one that stays";
        case Why::kNothing:
            return "no rule keeps it";
    }
    return "";
}

const char* name_of(RemovalState state) {
    switch (state) {
        case RemovalState::kRemoved:
            return "Removed";
        case RemovalState::kWaiting:
            return "Waiting";
        case RemovalState::kHeld:
            return "Held";
        case RemovalState::kLocked:
            return "Locked";
    }
    return "";
}

std::string text_of(const engine::ChainRemoval& removal) {
    switch (removal.state) {
        case RemovalState::kRemoved:
            return removal.hidden ? "; the storage keeps versions, which take room until a lifecycle rule removes them"
                                  : "";
        case RemovalState::kWaiting:
            return fmt::format(": somebody may write to {} until {}; prune again after that", removal.detail,
                               base::format_rfc3339(*removal.wait_until));
        case RemovalState::kHeld:
            return ": " + removal.detail;
        case RemovalState::kLocked:
            return fmt::format(": {}; prune again when the lock has ended", removal.detail);
    }
    return "";
}

class Pruning {
public:
    Pruning(const PruneOptions& options, Output& output) : options_(options), output_(output) {}

    Result<int> run() {
        const object_store::Call call{.deadline = options_.deadline};
        N4B_TRY(const auto store, open_store(options_.store, kFewTries));
        N4B_TRY(const auto repository, engine::open_repository(*store, {.use = format::RepositoryUse::kWrite}, call));
        const engine::PruneWish wish{.source = options_.source,
                                     .database = options_.database,
                                     .rules = options_.rules,
                                     .zone = options_.zone,
                                     .run = {.uid = base::random_digits()},
                                     .repository = repository.id};
        N4B_TRY(const auto plan, engine::plan_pruning(*store, wish, call));
        for (const auto& verdict : plan.verdicts) print(verdict);
        if (options_.dry_run || !output_.works()) return 0;
        N4B_TRY(const auto cleaned, engine::prune(
                                        *store, wish, plan, [this](const auto& pruned) { print(pruned); }, call));
        if (!cleaned.trouble.empty())
            base::warn("not all that unfinished backups left could be removed: " + cleaned.trouble);
        if (cleaned.artifacts > 0 && base::tells_usual() && !options_.json)
            output_.print("{:<8} what {} unfinished backups left, {} bytes\n", "removed", cleaned.artifacts,
                          cleaned.bytes);
        if (failure_) return base::fail(*failure_);
        return 0;
    }

private:
    void print(const retention::Verdict& verdict) {
        if (options_.json) {
            print_json(output_, {{"chain", verdict.chain},
                                 {"stays", verdict.stays()},
                                 {"why", retention::name_of(verdict.why)},
                                 {"storedBytes", verdict.stored_bytes}});
        } else {
            output_.print("{:<8} {} {:>12} {}\n", verdict.stays() ? "stays" : "goes", verdict.chain,
                          verdict.stored_bytes, text_of(verdict.why));
        }
    }

    void print(const engine::PrunedChain& pruned) {
        const auto& removal = pruned.removal;
        if (!removal && !failure_) failure_ = removal.error();
        if (options_.json) {
            Json json{{"chain", pruned.chain}};
            if (!removal) return print_failure(output_, removal.error(), std::move(json));
            json["state"] = name_of(removal->state);
            json["objects"] = removal->objects;
            json["bytes"] = removal->bytes;
            if (!removal->detail.empty()) json["detail"] = removal->detail;
            if (removal->wait_until) json["waitUntil"] = base::format_rfc3339(*removal->wait_until);
            print_json(output_, json);
            return;
        }
        if (!removal) return output_.print("{:<8} {}: {}\n", "FAILED", pruned.chain, removal.error().message);
        const std::string state = removal->state == RemovalState::kRemoved   ? "removed"
                                  : removal->state == RemovalState::kWaiting ? "waiting"
                                  : removal->state == RemovalState::kHeld    ? "held"
                                                                             : "locked";
        output_.print("{:<8} {} {:>12}{}\n", state, pruned.chain, removal->bytes, text_of(*removal));
    }

    const PruneOptions& options_;
    Output& output_;
    std::optional<base::Error> failure_{};
};

}  // namespace

int run(const PruneRunOptions& options, base::SteadyTime started, std::stop_token stop) {
    const auto& spec = options.spec;
    const object_store::Call call{.deadline = engine::deadline_of(spec, started), .stop = std::move(stop)};
    const auto store = open_store(store_of(spec), kPatientTries);
    return conclude(store ? engine::prune_for_schedule(spec, **store, call) : report_of(spec, store.error()));
}

int run(const PruneOptions& options) {
    Output output;
    return finish(in_time(Pruning(options, output).run(), options.deadline), output, options.json);
}

}  // namespace n4b::runner
