#include "backup-runner/engine/restore_point.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "backup-runner/engine/known_transaction.hpp"
#include "backup-runner/engine/reader_hold.hpp"
#include "backup-runner/format/damage.hpp"
#include "backup-runner/txlog/log_format.hpp"
#include "common/base/rfc3339.hpp"

namespace n4b::engine {
namespace {

using base::ErrorCode;
using base::Reason;
using base::Result;

/// How long the log of an artifact is up to the end of a transaction.
Result<std::int64_t> log_bytes_to(object_store::ObjectStore& store, const Artifact& artifact, std::int64_t transaction,
                                  const object_store::Call& call) {
    N4B_TRY(const auto layout, layout_of(artifact));
    blocks::ArtifactReader reader({.store = store, .prefix = layout.blocks(artifact.head.name), .head = artifact.head});
    N4B_TRY(const auto place, find_transaction(reader, transaction, call));
    if (place) return place->offset + place->length;
    return format::damaged(fmt::format("{}: its index does not tell of transaction {}", artifact.key, transaction));
}

std::int64_t milliseconds_of(base::SystemTime time) {
    return std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

/// The group of transactions in which the latest commit time first exceeds a time.
Result<std::optional<format::TransactionGroup>> first_later_group(blocks::ArtifactReader& reader, std::int64_t time_ms,
                                                                  const object_store::Call& call) {
    std::optional<format::TransactionGroup> found;
    N4B_TRY_VOID(reader.read_transactions(
        [&](const format::TransactionGroup& group) -> Result<void> {
            if (!found && group.latest_time_ms > time_ms) found = group;
            return {};
        },
        call));
    return found;
}

/// Collects the COMMIT entries of a group, the last bytes of each transaction, as the log streams by.
class CommitEntries {
public:
    explicit CommitEntries(const format::TransactionGroup& group) : entries_(group.lengths.size()) {
        constexpr auto kBytes = static_cast<std::int64_t>(txlog::kCommitBytes);
        auto end = group.offset;
        for (const auto length : group.lengths) {
            end += length;
            places_.push_back({.offset = end - kBytes, .length = kBytes});
        }
    }

    void take(std::span<const std::byte> bytes) {
        for (std::size_t i = 0; i < places_.size(); ++i) {
            const auto part = part_of(bytes, at_, places_[i]);
            entries_[i].insert(entries_[i].end(), part.begin(), part.end());
        }
        at_ += static_cast<std::int64_t>(bytes.size());
    }
    [[nodiscard]] const std::vector<std::vector<std::byte>>& entries() const { return entries_; }

private:
    std::vector<LogPlace> places_{};
    std::vector<std::vector<std::byte>> entries_;
    std::int64_t at_ = 0;
};

/// The last transaction of an artifact before the first that was committed after a time; one below the artifact's
/// lowest where that is its first.
Result<std::int64_t> last_before(object_store::ObjectStore& store, const Artifact& artifact, base::SystemTime time,
                                 const object_store::Call& call) {
    const auto time_ms = milliseconds_of(time);
    N4B_TRY(const auto layout, layout_of(artifact));
    blocks::ArtifactReader reader({.store = store, .prefix = layout.blocks(artifact.head.name), .head = artifact.head});
    N4B_TRY(const auto group, first_later_group(reader, time_ms, call));
    if (!group)
        return format::damaged(fmt::format("{}: its index tells of no commit as late as its head", artifact.key));
    CommitEntries commits(*group);
    const auto take = [&](std::span<const std::byte> bytes) -> Result<void> {
        commits.take(bytes);
        return {};
    };
    N4B_TRY_VOID(read_under_hold(
        store, artifact, [&] { return reader.read_one(std::nullopt, take, call); }, call));
    auto last = group->first - 1;
    for (const auto& entry : commits.entries()) {
        const auto commit = txlog::parse_commit(entry);
        if (!commit) return format::damaged(commit.error().wrap(artifact.key).message);
        if (commit->time_ms > time_ms) return last;
        ++last;
    }
    return format::damaged(fmt::format("{}: its log has no commit as late as its index tells", artifact.key));
}

/// When the last backup's source named the last transaction of the chain. Members' clocks may be ahead of the
/// storage's.
base::SystemTime end_of(const Chain& chain) {
    const auto& head = chain.back().head;
    const auto asked = head.complete_at.value_or(head.end);
    return std::max(asked, head.latest_commit_time.value_or(asked));
}

/// Whether a source that lags may have kept transactions back which the cluster had committed by then.
std::string doubt_about(const Artifact& last, base::SystemTime time) {
    const auto& head = last.head;
    if (head.latest_commit_time && time <= *head.latest_commit_time) return "";
    if (head.current_at && time <= *head.current_at) return "";
    return fmt::format(
        "{}: nobody knows whether its source lagged behind the cluster, so transactions that were "
        "committed before {} may be missing",
        last.key, base::format_rfc3339(time));
}

}  // namespace

RestorePoint whole(Chain chain) {
    const auto last = highest_of(chain.back().head);
    return {.chain = std::move(chain), .transaction = last};
}

std::size_t artifacts_up_to(const Chain& chain, base::SystemTime time) {
    for (std::size_t i = 0; i < chain.size(); ++i) {
        const auto& latest = chain[i].head.latest_commit_time;
        if (latest && *latest > time) return i + 1;
    }
    return chain.size();
}

Result<RestorePoint> up_to_transaction(object_store::ObjectStore& store, Chain chain, std::int64_t transaction,
                                       const object_store::Call& call) {
    const auto first = highest_of(chain.front().head);
    const auto last = highest_of(chain.back().head);
    if (transaction < first || transaction > last) {
        return base::fail(
            ErrorCode::kInvalid, Reason::kPointOutsideWindow,
            fmt::format("found transaction {}, expected one from {} to {}, which chain {} can be restored "
                        "to",
                        transaction, first, last, chain.front().head.name.chain));
    }
    const auto holds_it = std::find_if(
        chain.begin(), chain.end(), [&](const Artifact& artifact) { return highest_of(artifact.head) >= transaction; });
    chain.erase(std::next(holds_it), chain.end());
    RestorePoint point{.chain = std::move(chain), .transaction = transaction};
    if (highest_of(point.chain.back().head) == transaction) return point;
    N4B_TRY(point.log_bytes, log_bytes_to(store, point.chain.back(), transaction, call));
    return point;
}

Result<RestorePoint> up_to_time(object_store::ObjectStore& store, Chain chain, base::SystemTime time,
                                const object_store::Call& call) {
    const auto& full = chain.front().head;
    const auto first = restorable_from(full);
    if (time < first || time > end_of(chain)) {
        return base::fail(ErrorCode::kInvalid, Reason::kPointOutsideWindow,
                          fmt::format("found {}, expected a time from {} to {}, which chain {} can be restored to",
                                      base::format_rfc3339_micro(time), base::format_rfc3339_micro(first),
                                      base::format_rfc3339_micro(end_of(chain)), full.name.chain));
    }
    const auto& end = chain[artifacts_up_to(chain, time) - 1];
    if (!end.head.latest_commit_time || *end.head.latest_commit_time <= time) {
        auto doubt = doubt_about(chain.back(), time);
        auto point = whole(std::move(chain));
        point.doubt = std::move(doubt);
        return point;
    }
    N4B_TRY(const auto last, last_before(store, end, time, call));
    return up_to_transaction(store, std::move(chain), last, call);
}

}  // namespace n4b::engine
