#include <fmt/format.h>

#include <set>

#include "backup-runner/app/commands.hpp"
#include "backup-runner/app/json_output.hpp"
#include "backup-runner/app/outcome.hpp"
#include "backup-runner/app/repository_view.hpp"
#include "backup-runner/engine/catalogue.hpp"
#include "backup-runner/engine/facts.hpp"
#include "backup-runner/engine/leftovers.hpp"
#include "common/base/notice.hpp"
#include "common/base/rfc3339.hpp"

namespace n4b::runner {
namespace {

using base::Result;

std::optional<base::SystemTime> recoverable_to(const format::Head& head) {
    return head.transactions ? head.transactions->highest.point.time : std::nullopt;
}

/// Tells what the facts say of backups that come in the order of their chains. The facts of a chain are listed once,
/// and more is asked for only about backups that have some.
class KnownStates {
public:
    KnownStates(object_store::ObjectStore& store, const object_store::Call& call) : store_(store), call_(call) {}

    Result<engine::KnownState> of(const engine::Artifact& artifact) {
        N4B_TRY(const auto layout, layout_of(artifact));
        const auto& name = artifact.head.name;
        if (const auto chain = layout.chain(name.chain); chain != chain_) {
            with_facts_.clear();
            N4B_TRY_VOID(engine::list_facts(
                store_, layout, name.chain + "-",
                [&](const format::FactName& fact) { with_facts_.insert(fact.sequence); }, call_));
            chain_ = chain;
        }
        if (!with_facts_.contains(name.sequence)) return engine::KnownState{};
        return known_state(store_, artifact, call_);
    }

private:
    object_store::ObjectStore& store_;
    const object_store::Call& call_;
    std::string chain_{};
    std::set<std::int64_t> with_facts_{};  ///< Sequences of the chain.
};

/// "Chain 2026-11-27T10:00:00Z"; "Damaged" in place of a level where that was found since.
std::string text_of(const Result<engine::KnownState>& known) {
    if (!known) return "unknown";
    if (known->proof) {
        return fmt::format("{} {}", to_string(known->proof->level), base::format_rfc3339(known->proof->at));
    }
    return known->damaged ? fmt::format("Damaged {}", base::format_rfc3339(*known->damaged)) : "-";
}

void add_state(base::Json& json, const Result<engine::KnownState>& known) {
    if (!known) return;
    if (known->proof) {
        json["verified"] = {{"level", to_string(known->proof->level)},
                            {"time", base::format_rfc3339(known->proof->at)}};
    }
    if (known->damaged) json["foundDamaged"] = base::format_rfc3339(*known->damaged);
}

base::Json json_of(const engine::Artifact& artifact) {
    const auto& head = artifact.head;
    base::Json json{{"source", head.source},
                    {"database", head.database},
                    {"chain", head.name.chain},
                    {"head", artifact.key},
                    {"kind", engine::kind_of(head)},
                    {"storeId", head.store_id},
                    {"lowestTransaction", head.transactions ? head.transactions->lowest.id : 0},
                    {"highestTransaction", highest_of(head)},
                    {"files", head.counts.files},
                    {"bytes", head.counts.plain_bytes},
                    {"storedBytes", head.counts.stored_bytes},
                    {"encodings", head.encodings},
                    {"digest", artifact.digest},
                    {"end", base::format_rfc3339(head.end)}};
    if (const auto time = recoverable_to(head)) json["recoverableTo"] = base::format_rfc3339(*time);
    return json;
}

base::Json json_of(const engine::FoundHead& head, KnownStates& states) {
    if (head.artifact) {
        auto json = json_of(*head.artifact);
        add_state(json, states.of(*head.artifact));
        return json;
    }
    const auto& error = head.artifact.error();
    return {{"source", head.source},
            {"database", head.database},
            {"chain", head.chain},
            {"head", head.key},
            {"reason", to_string(reason_of(error))},
            {"message", error.message}};
}

void print_row(Output& output, const engine::FoundHead& found, KnownStates& states) {
    output.print("{:<16} {:<12} {:<24} ", found.source, found.database, found.chain);
    if (!found.artifact) {
        output.print("{}: {}\n", state_of(found.artifact.error()), found.artifact.error().message);
        return;
    }
    const auto& head = found.artifact->head;
    const auto time = recoverable_to(head);
    output.print("{:<11} {:>12} {:<21} {:>12} {:>12} {}\n", engine::kind_of(head), highest_of(head),
                 time ? base::format_rfc3339(*time) : "unknown", head.counts.plain_bytes, head.counts.stored_bytes,
                 text_of(states.of(*found.artifact)));
}

base::Json json_of(const engine::FoundLeftover& found, const engine::Leftover& leftover) {
    base::Json json{{"kind", leftover.had_head ? "HeadMissing" : "Unfinished"},
                    {"source", found.source},
                    {"database", found.database},
                    {"chain", leftover.name.chain},
                    {"run", format::to_string(leftover.name.run)},
                    {"objects", leftover.objects},
                    {"storedBytes", leftover.bytes}};
    if (leftover.deadline) json["writableUntil"] = base::format_rfc3339(*leftover.deadline);
    return json;
}

void print_row(Output& output, const engine::FoundLeftover& found, const engine::Leftover& leftover) {
    if (leftover.had_head) {
        return output.print("{:<16} {:<12} {:<24} HEAD MISSING: {} bytes of run {}, which had finished\n", found.source,
                            found.database, leftover.name.chain, leftover.bytes, format::to_string(leftover.name.run));
    }
    output.print("{:<16} {:<12} {:<24} UNFINISHED: {} bytes of run {}, which may write to it until {}\n", found.source,
                 found.database, leftover.name.chain, leftover.bytes, format::to_string(leftover.name.run),
                 leftover.deadline ? base::format_rfc3339(*leftover.deadline) : "an unknown time");
}

void warn_of_leftovers(const base::Error& error) {
    base::warn("not all that unfinished backups take is shown: " + error.message);
}

/// What takes room and is no backup. None of it is an error: a backup may be under way.
void print_leftovers(object_store::ObjectStore& store, const ListOptions& options, Output& output) {
    const auto print = [&](const engine::FoundLeftover& found) {
        if (!found.leftover) {
            warn_of_leftovers(found.leftover.error());
            return true;
        }
        const auto& leftover = *found.leftover;
        // It was cleaned away; what stays until its deadline takes no room to speak of.
        if (leftover.abandoned && leftover.blocks == 0) return true;
        if (options.json) {
            print_json(output, json_of(found, leftover));
        } else {
            print_row(output, found, leftover);
        }
        return output.works();
    };
    const auto walked = engine::walk_all_leftovers(store, options.scope, print, {.deadline = options.deadline});
    if (!walked) warn_of_leftovers(walked.error());
}

Result<int> print_list(const ListOptions& options, Output& output) {
    const object_store::Call call{.deadline = options.deadline};
    N4B_TRY(const auto store, open_repository(options.store, call));
    if (!options.json) {
        output.print("{:<16} {:<12} {:<24} {:<11} {:>12} {:<21} {:>12} {:>12} {}\n", "SOURCE", "DATABASE", "CHAIN",
                     "KIND", "TRANSACTION", "RECOVERABLE TO", "BYTES", "STORED", "VERIFIED");
    }
    KnownStates states(*store, call);
    Tally tally;
    std::optional<base::Error> ended;
    N4B_TRY_VOID(engine::walk_heads(
        *store, options.scope,
        [&](const engine::FoundHead& head) {
            if (!head.artifact && head.artifact.error().code == base::ErrorCode::kDeadline) {
                ended = head.artifact.error();
                return false;
            }
            if (options.json) {
                // A line each: a repository may hold more than fits into memory at once.
                print_json(output, json_of(head, states));
            } else {
                print_row(output, head, states);
            }
            if (head.artifact) {
                tally.good();
            } else {
                tally.bad(head.artifact.error());
            }
            return output.works();
        },
        call));
    if (ended) return base::fail(*ended);
    print_leftovers(*store, options, output);
    return tally.outcome();
}

}  // namespace

int run(const ListOptions& options) {
    Output output;
    return finish(in_time(print_list(options, output), options.deadline), output, options.json);
}

}  // namespace n4b::runner
