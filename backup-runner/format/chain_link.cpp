#include "backup-runner/format/chain_link.hpp"

#include <fmt/format.h>

#include "backup-runner/format/damage.hpp"
#include "common/base/saturating.hpp"

namespace n4b::format {

Parent parent_of(const StoredHead& stored) {
    const auto& head = stored.head;
    const auto before = head.parent.value_or(Parent{});
    return {.name = to_string(name_of(head)),
            .sha256 = std::string(stored.sha256),
            .blocks = base::saturating_sum(head.counts.blocks, before.blocks),
            .stored_bytes = base::saturating_sum(head.counts.stored_bytes, before.stored_bytes),
            .head_bytes = base::saturating_sum(stored.bytes, before.head_bytes)};
}

base::Result<void> check_link(const StoredHead& stored, const Head& child) {
    const auto& parent = stored.head;
    const auto name = to_string(name_of(parent));
    if (!child.parent || child.parent->name != name) {
        return damaged(fmt::format("parent: found {}, expected {}", child.parent ? child.parent->name : "none", name));
    }
    if (child.parent->sha256 != stored.sha256) {
        return damaged(fmt::format("parent: found SHA-256 {} of {}, expected {}, which that head has by now",
                                   child.parent->sha256, name, stored.sha256));
    }
    if (const auto expected = parent_of(stored); *child.parent != expected) {
        return damaged(
            fmt::format("parent: found {} blocks, {} bytes of them and {} of heads up to {}, expected {}, {} and {}",
                        child.parent->blocks, child.parent->stored_bytes, child.parent->head_bytes, name,
                        expected.blocks, expected.stored_bytes, expected.head_bytes));
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
    if (child.counts.files != 0) {
        return damaged(fmt::format("counts: found {} store files, expected none in an increment", child.counts.files));
    }
    return {};
}

}  // namespace n4b::format
