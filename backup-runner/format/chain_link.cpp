#include "backup-runner/format/chain_link.hpp"

#include <fmt/format.h>

#include "backup-runner/format/damage.hpp"
#include "common/base/saturating.hpp"

namespace n4b::format {

Parent parent_of(const Head& head, std::string_view sha256) {
    Parent parent{.name = to_string(name_of(head)),
                  .sha256 = std::string(sha256),
                  .blocks = head.counts.blocks,
                  .stored_bytes = head.counts.stored_bytes};
    if (head.parent) {
        parent.blocks = base::saturating_sum(parent.blocks, head.parent->blocks);
        parent.stored_bytes = base::saturating_sum(parent.stored_bytes, head.parent->stored_bytes);
    }
    return parent;
}

base::Result<void> check_link(const Head& parent, std::string_view parent_sha256, const Head& child) {
    const auto name = to_string(name_of(parent));
    if (!child.parent || child.parent->name != name) {
        return damaged(fmt::format("parent: found {}, expected {}", child.parent ? child.parent->name : "none", name));
    }
    if (child.parent->sha256 != parent_sha256) {
        return damaged(fmt::format("parent: found SHA-256 {} of {}, expected {}, which that head has by now",
                                   child.parent->sha256, name, parent_sha256));
    }
    if (child.name.chain != parent.name.chain || child.name.sequence != parent.name.sequence + 1) {
        return damaged(fmt::format("sequence: found {} of chain {}, expected {} of chain {}", child.name.sequence,
                                   child.name.chain, parent.name.sequence + 1, parent.name.chain));
    }
    if (child.store_id != parent.store_id) {
        return damaged(
            fmt::format("store: found id {}, expected {}, as {} has it", child.store_id, parent.store_id, name));
    }
    if (!child.transactions || !parent.transactions) {
        return damaged("transactions: missing, in an increment or in what it goes on from");
    }
    const auto next = parent.transactions->highest.point.id + 1;
    if (child.transactions->lowest.id != next) {
        return damaged(fmt::format("transactions: found {} as the lowest, expected {}, behind those of {}",
                                   child.transactions->lowest.id, next, name));
    }
    if (child.transactions->earliest_restorable != parent.transactions->earliest_restorable) {
        return damaged(fmt::format("earliestRestorable: found transaction {}, expected {}, as {} has it",
                                   child.transactions->earliest_restorable.id,
                                   parent.transactions->earliest_restorable.id, name));
    }
    const auto sums = parent_of(parent, parent_sha256);
    if (child.parent->blocks != sums.blocks || child.parent->stored_bytes != sums.stored_bytes) {
        return damaged(fmt::format("parent: found {} blocks of {} bytes up to {}, expected {} of {}",
                                   child.parent->blocks, child.parent->stored_bytes, name, sums.blocks,
                                   sums.stored_bytes));
    }
    if (child.counts.files != 0) {
        return damaged(fmt::format("counts: found {} store files, expected none in an increment", child.counts.files));
    }
    return {};
}

}  // namespace n4b::format
