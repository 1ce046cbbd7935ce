#include "backup-runner/engine/chain.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "backup-runner/archive/digest.hpp"
#include "backup-runner/format/chain_link.hpp"
#include "backup-runner/format/damage.hpp"
#include "common/base/saturating.hpp"

namespace n4b::engine {

using base::ErrorCode;
using base::Reason;
using base::Result;

Result<Artifact> read_parent(object_store::ObjectStore& store, const format::Layout& layout, const Artifact& child,
                             const object_store::Call& call) {
    auto parent = read_head(store, layout, child.head.parent->name, call);
    if (!parent && parent.error().code == ErrorCode::kNotFound) {
        return format::damaged(fmt::format("{}: the backup that it goes on from is gone: {}{}", child.key,
                                           layout.heads(), child.head.parent->name));
    }
    if (!parent) return parent;
    const auto digits = archive::digits_of(parent->digest);
    const auto link = format::check_link({.head = parent->head, .sha256 = digits, .bytes = parent->bytes}, child.head);
    if (!link) {
        return base::fail(link.error().wrap(child.key));
    }
    N4B_TRY_VOID(check_not_abandoned(store, layout, parent->head.name, call));
    return parent;
}

Result<Chain> read_chain(object_store::ObjectStore& store, const format::Layout& layout, Artifact tip,
                         const object_store::Call& call) {
    Chain backwards;
    backwards.push_back(std::move(tip));
    while (backwards.back().head.parent) {
        const auto& child = backwards.back();
        if (backwards.size() == kMostArtifacts) {
            return base::fail(
                ErrorCode::kFailedPrecondition, Reason::kArtifactNotSupported,
                fmt::format("{}: found more than {} backups that it goes on from, which is more than this "
                            "runner reads",
                            backwards.front().key, kMostArtifacts - 1));
        }
        N4B_TRY(auto parent, read_parent(store, layout, child, call));
        backwards.push_back(std::move(parent));
    }
    std::reverse(backwards.begin(), backwards.end());
    return backwards;
}

std::int64_t plain_bytes_of(const Chain& chain) {
    std::int64_t bytes = 0;
    for (const auto& artifact : chain) bytes = base::saturating_sum(bytes, artifact.head.counts.plain_bytes);
    return bytes;
}

}  // namespace n4b::engine
