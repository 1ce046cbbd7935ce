#include "backup-runner/engine/catalogue.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <deque>
#include <set>
#include <span>
#include <string_view>

#include "backup-runner/archive/digest.hpp"
#include "backup-runner/blocks/index_reader.hpp"
#include "backup-runner/blocks/index_writer.hpp"
#include "backup-runner/engine/facts.hpp"
#include "backup-runner/engine/head_list.hpp"
#include "backup-runner/engine/repository.hpp"
#include "backup-runner/format/damage.hpp"
#include "common/base/notice.hpp"
#include "common/base/saturating.hpp"
#include "common/contract/run_spec.hpp"

namespace n4b::engine {
namespace {

using base::ErrorCode;
using base::Reason;
using base::Result;
using format::damaged;
using object_store::Call;
using object_store::ObjectInfo;
using object_store::ObjectStore;

/// Names that are kept at once, some 120 bytes each; a repository may have any number.
constexpr std::size_t kMostNames = 1000;

/// By its first byte: a bucket answers that with one reply, also where nothing is there.
Result<bool> is_there(ObjectStore& store, const std::string& key, const Call& call) {
    std::array<std::byte, 1> first{};
    const auto got = store.get(key, 0, first, call);
    if (!got && got.error().code != ErrorCode::kNotFound) return base::fail(got.error());
    return got.has_value();
}

base::Error closed_chain(const std::string& key) {
    return {.code = ErrorCode::kConflict,
            .message = fmt::format("{}: the chain is closed, which means that it is being deleted", key),
            .reason = Reason::kArtifactConflict};
}

base::Error given_up(const std::string& key) {
    return {.code = ErrorCode::kConflict,
            .message = fmt::format("{}: the backup was given up, and is being cleaned away", key),
            .reason = Reason::kArtifactConflict};
}

void count(const ObjectInfo& block, BlockListing& listing) {
    ++listing.blocks;
    listing.bytes = base::saturating_sum(listing.bytes, block.bytes);
    listing.sum += blocks::listing_of(block.key, block.bytes);
}

bool is_of(const format::HeadName& name, const FinishedRun& run) {
    return name.artifact.run.uid == run.uid && name.artifact.run.attempt != run.other_than_attempt;
}

/// The chain that a head's name begins with; empty where it can't be told.
std::string chain_of(const std::string& name) {
    const auto parsed = format::parse_head_name(name);
    return parsed ? parsed->artifact.chain : std::string();
}

/// Keeps the newest of any number of names.
class Names {
public:
    void add(const std::string& name) {
        newest_.push_back(name);
        if (newest_.size() > kMostNames) newest_.pop_front();
    }
    [[nodiscard]] const std::deque<std::string>& in_order() const { return newest_; }

private:
    std::deque<std::string> newest_{};
};

/// The walk of walk_heads; each step is false when take has ended it.
class Walk {
public:
    Walk(ObjectStore& store, const Scope& scope, const std::function<bool(FoundHead)>& take, const Call& call)
        : store_(store), scope_(scope), take_(take), call_(call) {}

    Result<void> repository() {
        if (!scope_.source.empty() && !scope_.database.empty()) {
            (void)database(scope_.source, scope_.database);
            return {};
        }
        return walk_databases(
            store_, scope_.source,
            [&](const std::string& source, const std::string& name) {
                return (!scope_.database.empty() && name != scope_.database) || database(source, name);
            },
            call_);
    }

private:
    bool database(const std::string& source, const std::string& database) {
        const auto layout = format::Layout::create(source, database);
        if (!layout) return take_({source, database, "", source + "/" + database, base::fail(layout.error())});
        bool more = true;
        const auto listed = list_head_names(
            store_, *layout,
            [&](const std::string& name) {
                more = head(source, database, *layout, name);
                return more;
            },
            call_);
        if (!listed && more) return take_({source, database, "", layout->heads(), base::fail(listed.error())});
        return more;
    }

    bool head(const std::string& source, const std::string& database, const format::Layout& layout,
              const std::string& name) {
        const auto chain = chain_of(name);
        if (!scope_.chain.empty() && chain != scope_.chain) return true;
        FoundHead found{source, database, chain, layout.heads() + name, read_head(store_, layout, name, call_)};
        // Deleted since the listing: then it is no head any more.
        if (!found.artifact && found.artifact.error().code == ErrorCode::kNotFound) return true;
        const auto parsed = format::parse_head_name(name);
        if (parsed) {
            const auto wanted = check_wanted(store_, layout, parsed->artifact, call_);
            if (is_unwanted(wanted)) return true;
            if (!wanted) found.artifact = base::fail(wanted.error());
        }
        return take_(std::move(found));
    }

    ObjectStore& store_;
    const Scope& scope_;
    const std::function<bool(FoundHead)>& take_;
    const Call& call_;
};

/// Everything a head promises is there: the blocks by their listing, the index by its digests.
Result<void> check_written(ObjectStore& store, const format::Layout& layout, const Artifact& artifact,
                           const Call& call) {
    N4B_TRY_VOID(check_listing(store, artifact, call));
    std::vector<std::byte> buffer(static_cast<std::size_t>(artifact.head.block_bytes));
    const blocks::StoredArtifact stored{
        .store = store, .prefix = layout.blocks(artifact.head.name), .head = artifact.head};
    return blocks::read_index(
        stored, buffer, [](const format::IndexLine&) { return Result<void>{}; }, call);
}

Result<BlockListing> list_blocks(ObjectStore& store, const format::Layout& layout, const format::ArtifactName& name,
                                 const Call& call) {
    BlockListing listing;
    N4B_TRY_VOID(store.list(
        layout.blocks(name), "",
        [&](std::span<const ObjectInfo> page) {
            for (const auto& object : page) count(object, listing);
            return true;
        },
        call));
    return listing;
}

/// The last of these, which are in order, that counts.
Result<Artifact> newest_finished(ObjectStore& store, const format::Layout& layout, const Names& names,
                                 const FinishedRun& run, const Call& call) {
    const auto& in_order = names.in_order();
    for (auto name = in_order.rbegin(); name != in_order.rend(); ++name) {
        auto artifact = read_head(store, layout, *name, call);
        auto written = artifact ? check_written(store, layout, *artifact, call) : Result<void>{};
        // Looked for last, since the check takes a while: a chain that is closed is being deleted. The attempt that
        // finds that out itself calls it a conflict, so no other may adopt what it left, and what is amiss there is no
        // damage.
        const auto wanted = check_wanted(store, layout, format::parse_head_name(*name)->artifact, call);
        if (is_unwanted(wanted)) continue;
        if (!artifact) return artifact;
        N4B_TRY_VOID(wanted);
        // Its own attempt has ended with that, and the run wants another one in its place.
        N4B_TRY(const auto known, known_state(store, *artifact, call));
        if (known.damaged && !known.proof) continue;
        N4B_TRY_VOID(written);
        // Its attempt may have been killed between the head's creation and the sync that makes its name durable.
        N4B_TRY_VOID(store.make_durable(artifact->key, call));
        return artifact;
    }
    return base::fail(ErrorCode::kNotFound, Reason::kArtifactNotFound,
                      fmt::format("no finished artifact of run {} below {}", run.uid, layout.heads()));
}

}  // namespace

bool is_unwanted(const Result<void>& wanted) {
    return !wanted && wanted.error().reason == Reason::kArtifactConflict;
}

bool lies_in_the_head(const base::Error& error) {
    return error.reason == Reason::kArtifactDamaged || error.reason == Reason::kArtifactNotSupported;
}

void warn_of_head(const FoundHead& head) {
    const auto& error = head.artifact.error();
    // The message names the head.
    base::warn(fmt::format("passed over a backup: {}: {}", to_string(error.reason.value_or(Reason::kInternalError)),
                           error.message));
}

Result<void> walk_heads(ObjectStore& store, const Scope& scope, const std::function<bool(FoundHead)>& take,
                        const Call& call) {
    return Walk(store, scope, take, call).repository();
}

Result<void> walk_databases(ObjectStore& store, const std::string& source,
                            const std::function<bool(const std::string&, const std::string&)>& take, const Call& call) {
    const auto prefix = source.empty() ? std::string() : source + "/";
    std::string after;
    for (bool more = true; more;) {
        std::string found;
        N4B_TRY_VOID(store.list(
            prefix, after,
            [&](std::span<const ObjectInfo> page) {
                // A file above the databases, such as owner.json, is no reason to ask again.
                const auto below = std::find_if(page.begin(), page.end(), [](const ObjectInfo& object) {
                    return std::count(object.key.begin(), object.key.end(), '/') >= 2;
                });
                if (below == page.end()) return true;
                found = below->key;
                return false;
            },
            call));
        if (found.empty()) return {};
        const auto first = found.find('/');
        const auto second = found.find('/', first + 1);
        const auto name = found.substr(0, first);
        const auto database = found.substr(first + 1, second - first - 1);
        const bool ours = contract::is_storage_name(name) && contract::is_storage_name(database);
        more = !ours || take(name, database);
        // '0' is what follows '/', so this sorts behind all that lies below the database, and before anything else.
        // In a bucket that would be all blocks of all backups.
        after = found.substr(0, second) + "0";
    }
    return {};
}

Result<void> list_head_names(ObjectStore& store, const format::Layout& layout,
                             const std::function<bool(const std::string&)>& take, const Call& call) {
    const auto prefix = layout.heads();
    return store.list(
        prefix, "",
        [&](std::span<const ObjectInfo> page) {
            return std::all_of(page.begin(), page.end(),
                               [&](const ObjectInfo& object) { return take(object.key.substr(prefix.size())); });
        },
        call);
}

Result<Artifact> read_head(ObjectStore& store, const format::Layout& layout, const std::string& name,
                           const Call& call) {
    auto key = layout.heads() + name;
    const auto parsed = format::parse_head_name(name);
    if (!parsed) return base::fail(parsed.error().wrap(key));
    N4B_TRY(const auto text, read_small(store, key, format::kMaxHeadBytes, call));
    auto head = format::parse_head(text, *parsed);
    if (!head) return base::fail(head.error().wrap(key));
    if (layout.head(format::name_of(*head)) != key ||
        key != fmt::format("{}/{}/heads/{}", head->source, head->database, name)) {
        return damaged(fmt::format("{}: the head is that of another artifact", key));
    }
    return Artifact{.head = std::move(*head),
                    .key = std::move(key),
                    .digest = archive::sha256(std::as_bytes(std::span(text))),
                    .bytes = static_cast<std::int64_t>(text.size())};
}

Result<Earlier> find_earlier(ObjectStore& store, const format::Layout& layout, const Call& call,
                             const PassedOverHead& passed_over) {
    Names names;
    N4B_TRY_VOID(list_head_names(
        store, layout,
        [&](const std::string& name) {
            names.add(name);
            return true;
        },
        call));
    Earlier earlier;
    std::set<std::string> superseded;
    std::optional<base::Error> failure;
    std::size_t looked_at = 0;
    const auto& in_order = names.in_order();
    for (auto name = in_order.rbegin(); name != in_order.rend(); ++name) {
        if (earlier.newest && ++looked_at >= kLookedAt) break;
        auto artifact = read_head(store, layout, *name, call);
        if (!artifact && artifact.error().code == ErrorCode::kNotFound) continue;
        if (artifact) {
            const auto wanted = check_wanted(store, layout, artifact->head.name, call);
            if (is_unwanted(wanted)) continue;
            if (!wanted) artifact = base::fail(wanted.error());
        }
        if (!artifact) {
            if (!earlier.newest) passed_over({"", "", chain_of(*name), layout.heads() + *name, artifact});
            if (!failure && !lies_in_the_head(artifact.error())) failure = artifact.error();
            continue;
        }
        superseded.insert(artifact->head.supersedes.begin(), artifact->head.supersedes.end());
        if (artifact->head.parent) superseded.insert(artifact->head.parent->name);
        if (!superseded.contains(*name)) earlier.tips.push_back(*name);
        if (!earlier.newest) earlier.newest = std::move(*artifact);
    }
    if (!earlier.newest && failure) return base::fail(*failure);
    return earlier;
}

Result<Artifact> look_up(ObjectStore& store, const format::Layout& layout, const FinishedRun& run, const Call& call) {
    Names names;
    N4B_TRY_VOID(list_head_names(
        store, layout,
        [&](const std::string& name) {
            const auto parsed = format::parse_head_name(name);
            if (parsed && is_of(*parsed, run)) names.add(name);
            return true;
        },
        call));
    return newest_finished(store, layout, names, run, call);
}

Result<Artifact> look_up(ObjectStore& store, const format::Layout& layout, const FinishedRun& run,
                         const HeadList& heads, const Call& call) {
    if (!heads.complete()) return look_up(store, layout, run, call);
    Names names;
    for (const auto& head : heads.heads()) {
        if (is_of(head.parsed, run)) names.add(head.name);
    }
    return newest_finished(store, layout, names, run, call);
}

Result<void> check_open(ObjectStore& store, const format::Layout& layout, const std::string& chain, const Call& call) {
    const auto key = layout.closed(chain);
    N4B_TRY(const bool closed, is_there(store, key, call));
    if (closed) return base::fail(closed_chain(key));
    return {};
}

Result<void> check_wanted(ObjectStore& store, const format::Layout& layout, const format::ArtifactName& name,
                          const Call& call) {
    N4B_TRY_VOID(check_open(store, layout, name.chain, call));
    return check_not_abandoned(store, layout, name, call);
}

Result<void> check_not_abandoned(ObjectStore& store, const format::Layout& layout, const format::ArtifactName& name,
                                 const Call& call) {
    const auto key = layout.abandoned(name);
    N4B_TRY(const bool abandoned, is_there(store, key, call));
    if (abandoned) return base::fail(given_up(key));
    return {};
}

Result<void> check_wanted(const format::Layout& layout, const format::ArtifactName& name,
                          const ArtifactListing& listing) {
    if (listing.closed) return base::fail(closed_chain(layout.closed(name.chain)));
    if (listing.abandoned) return base::fail(given_up(layout.abandoned(name)));
    return {};
}

Result<void> not_closed_meanwhile(ObjectStore& store, const Artifact& artifact, Result<void> result, const Call& call) {
    if (result) return result;
    N4B_TRY(const auto layout, layout_of(artifact));
    const auto wanted = check_wanted(store, layout, artifact.head.name, call);
    return is_unwanted(wanted) ? wanted : result;
}

Result<ArtifactListing> list_artifact(ObjectStore& store, const format::Layout& layout,
                                      const format::ArtifactName& name, const Call& call) {
    ArtifactListing listing;
    const auto blocks = layout.blocks(name);
    const auto own = layout.artifact(name);
    const auto closed = layout.closed(name.chain);
    const auto abandoned = layout.abandoned(name);
    const auto place = layout.chain(name.chain) + fmt::format("{:06}-", name.sequence);
    // closed.json sorts behind all artifacts, so it is looked for last.
    N4B_TRY_VOID(store.list(
        layout.chain(name.chain), place,
        [&](std::span<const ObjectInfo> page) {
            for (const auto& object : page) {
                if (object.key.starts_with(blocks)) {
                    count(object, listing.blocks);
                } else if (!object.key.starts_with(own)) {
                    listing.closed = listing.closed || object.key == closed;
                    listing.rivals = listing.rivals || object.key.starts_with(place);
                }
                listing.abandoned = listing.abandoned || object.key == abandoned;
            }
            return true;
        },
        call));
    return listing;
}

Result<void> check_listing(ObjectStore& store, const Artifact& artifact, const Call& call) {
    N4B_TRY(const auto layout, layout_of(artifact));
    const auto& head = artifact.head;
    N4B_TRY(const auto found, list_blocks(store, layout, head.name, call));
    if (found.blocks == head.counts.blocks && found.bytes == head.counts.stored_bytes) return {};
    return damaged(fmt::format("{}: {} objects with {} bytes are there, the head promises {} with {}",
                               layout.blocks(head.name), found.blocks, found.bytes, head.counts.blocks,
                               head.counts.stored_bytes));
}

Result<format::Layout> layout_of(const Artifact& artifact) {
    return format::Layout::create(artifact.head.source, artifact.head.database);
}

std::string kind_of(const format::Head& head) {
    const auto& kind = head.name.kind;
    if (kind == "full") return "Full";
    return kind == "incr" ? "Incremental" : kind;
}

base::SystemTime restorable_from(const format::Head& full) {
    return full.latest_commit_time.value_or(full.start);
}

contract::ArtifactReport report_of(const Artifact& artifact) {
    const auto& head = artifact.head;
    const auto name = format::to_string(format::name_of(head));
    contract::ArtifactReport report{.database = head.database,
                                    .chain = head.name.chain,
                                    .sequence = head.name.sequence,
                                    .artifact = name.substr(0, name.rfind('.')),
                                    .location = artifact.key,
                                    .kind = kind_of(head),
                                    .current_at = head.current_at,
                                    .files = head.counts.files,
                                    .bytes = head.counts.plain_bytes,
                                    .stored_bytes = head.counts.stored_bytes,
                                    .digest = artifact.digest,
                                    .verified_at = head.end};
    report.chain_stored_bytes =
        base::saturating_sum(head.counts.stored_bytes, head.parent ? head.parent->stored_bytes : 0);
    if (!head.parent) report.restorable_from = restorable_from(head);
    if (head.transactions) {
        report.lowest_transaction = head.transactions->lowest.id;
        report.highest_transaction = head.transactions->highest.point.id;
        report.earliest_restorable = head.transactions->earliest_restorable.id;
        report.recoverable_to = head.transactions->highest.point.time;
    }
    return report;
}

}  // namespace n4b::engine
