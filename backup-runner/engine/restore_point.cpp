#include "backup-runner/engine/restore_point.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "backup-runner/engine/known_transaction.hpp"
#include "backup-runner/format/damage.hpp"

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

}  // namespace

RestorePoint whole(Chain chain) {
    const auto last = highest_of(chain.back().head);
    return {.chain = std::move(chain), .transaction = last};
}

Result<RestorePoint> up_to_transaction(object_store::ObjectStore& store, Chain chain, std::int64_t transaction,
                                       const object_store::Call& call) {
    const auto first = highest_of(chain.front().head);
    const auto last = highest_of(chain.back().head);
    if (transaction < first || transaction > last) {
        return base::fail(
            ErrorCode::kInvalid, Reason::kInvalidRunSpec,
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

}  // namespace n4b::engine
