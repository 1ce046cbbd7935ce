#include "backup-runner/engine/store_examiner.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "backup-runner/archive/names.hpp"
#include "backup-runner/engine/transaction_sink.hpp"
#include "backup-runner/format/damage.hpp"
#include "backup-runner/txlog/log_format.hpp"
#include "backup-runner/txlog/neostore.hpp"
#include "backup-runner/txlog/record_size.hpp"
#include "common/base/hex.hpp"

namespace n4b::engine {
namespace {

using base::Result;
using format::damaged;
using txlog::NeostoreField;

/// The transaction before the first of a full's log.
std::int64_t previous_of(const format::Head& head) {
    const auto& lowest = head.transactions->lowest.id;
    return head.counts.transactions == 0 ? lowest : lowest - 1;
}

}  // namespace

Result<void> StoreExaminer::file(const std::string& path, std::int64_t bytes) const {
    const auto record = txlog::record_bytes(head_.store_version, path);
    if (!record || txlog::is_store_size(bytes, *record)) return {};
    return damaged(fmt::format("store file {}: found {} bytes, expected whole records of {}",
                               archive::quoted_name(path), bytes, *record));
}

void StoreExaminer::neostore(std::span<const std::byte> bytes) {
    const auto part = bytes.first(std::min(bytes.size(), txlog::kNeostoreMinBytes - neostore_.size()));
    neostore_.insert(neostore_.end(), part.begin(), part.end());
}

Result<std::vector<std::byte>> StoreExaminer::finish() {
    if (!head_.transactions) return damaged("head: found no transactions, expected the last one of the store");
    N4B_TRY_VOID(check_sent());
    N4B_TRY_VOID(check_patched());
    return std::move(neostore_);
}

/// What the server sent, and what a restore puts before the first transaction.
Result<void> StoreExaminer::check_sent() const {
    if (const auto good = txlog::check_neostore(neostore_); !good) return damaged(good.error().message);
    if (const auto id = to_string(txlog::store_id_of(neostore_)); id != head_.store_id) {
        return damaged(fmt::format("neostore: found store id {}, expected {}", id, head_.store_id));
    }
    if (const auto version = txlog::store_version_of(neostore_); version != head_.store_version) {
        return damaged(fmt::format("neostore: found store version {}, expected {}", archive::quoted_name(version),
                                   archive::quoted_name(head_.store_version)));
    }
    if (const auto version = txlog::get(neostore_, NeostoreField::kLogVersion); version < 0) {
        return damaged(fmt::format("neostore: found log version {}", version));
    }
    if (const auto last = txlog::get(neostore_, NeostoreField::kLastTransaction); last > highest_of(head_)) {
        return damaged(fmt::format("neostore: found transaction {} as the last, expected none behind {}", last,
                                   highest_of(head_)));
    }
    if (head_.name.sequence != 0) return {};
    const auto preamble = log_preamble(previous_of(head_));
    const auto expected = base::to_hex(std::as_bytes(std::span(preamble)));
    if (head_.log_preamble == expected) return {};
    return damaged(fmt::format("logPreamble: found {}, expected {}", head_.log_preamble, expected));
}

/// What a restore up to this artifact leaves there fits the log that it writes.
Result<void> StoreExaminer::check_patched() const {
    auto patched = neostore_;
    for (const auto& patch : head_.neostore_patches) {
        const auto bytes = base::from_hex(patch.hex);
        const auto size = static_cast<std::int64_t>(patched.size());
        if (patch.offset < 0 || patch.offset > size - static_cast<std::int64_t>(bytes.size())) {
            return damaged(fmt::format("neostorePatches: found {} bytes at {}, expected them within the first {}",
                                       bytes.size(), patch.offset, size));
        }
        std::copy(std::as_bytes(std::span(bytes)).begin(), std::as_bytes(std::span(bytes)).end(),
                  patched.begin() + static_cast<std::ptrdiff_t>(patch.offset));
    }
    const auto check = [&](NeostoreField field, std::string_view what, std::int64_t expected) -> Result<void> {
        const auto found = txlog::get(patched, field);
        if (found == expected) return {};
        return damaged(fmt::format("neostorePatches: they leave {} as the {}, expected {}", found, what, expected));
    };
    N4B_TRY_VOID(check(NeostoreField::kLogVersion, "log version", kLogVersion));
    N4B_TRY_VOID(check(NeostoreField::kLastClosedLogVersion, "last closed log version", kLogVersion));
    N4B_TRY_VOID(check(NeostoreField::kLastClosedLogOffset, "last closed position", txlog::kLogHeaderBytes));
    // A full without a log of its own has the server's.
    if (head_.counts.transactions == 0) return {};
    return check(NeostoreField::kLastTransaction, "last transaction", highest_of(head_));
}

}  // namespace n4b::engine
