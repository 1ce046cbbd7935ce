#include "backup-runner/engine/copied_neostore.hpp"

#include <fmt/format.h>

#include "backup-runner/txlog/log_format.hpp"
#include "backup-runner/txlog/neostore.hpp"
#include "common/base/hex.hpp"

namespace n4b::engine {

using base::ErrorCode;
using base::Reason;

namespace {

/// The stretches of bytes in which two texts of one length differ.
std::vector<format::NeostorePatch> patches_between(const catchup::Bytes& before, const catchup::Bytes& after) {
    std::vector<format::NeostorePatch> patches;
    for (std::size_t at = 0; at < after.size(); ++at) {
        if (before[at] == after[at]) continue;
        const auto next =
            patches.empty() ? -1 : patches.back().offset + static_cast<std::int64_t>(patches.back().hex.size() / 2);
        if (next != static_cast<std::int64_t>(at)) patches.push_back({.offset = static_cast<std::int64_t>(at)});
        patches.back().hex += base::to_hex(std::span(after).subspan(at, 1));
    }
    return patches;
}

}  // namespace

base::Result<std::vector<format::NeostorePatch>> fit_neostore(const catchup::Bytes& contents, const txlog::StoreId& id,
                                                              const TransactionSink& sink) {
    using txlog::NeostoreField;
    if (const auto good = txlog::check_neostore(contents); !good) {
        return base::fail(ErrorCode::kInvalid, Reason::kSourceProtocolError, good.error().message);
    }
    if (txlog::store_id_of(contents) != id) {
        return base::fail(ErrorCode::kUnavailable, Reason::kCopyInconsistent,
                          "the copied neostore has another store id than the source said");
    }
    if (const auto last = txlog::get(contents, NeostoreField::kLastTransaction); last > sink.last()) {
        return base::fail(
            ErrorCode::kUnavailable, Reason::kCopyInconsistent,
            fmt::format("the copied neostore knows transaction {}, the log ends at {}", last, sink.last()));
    }
    auto patched = contents;
    txlog::set(patched, NeostoreField::kLogVersion, kLogVersion);
    txlog::set(patched, NeostoreField::kLastClosedLogVersion, kLogVersion);
    txlog::set(patched, NeostoreField::kLastClosedLogOffset, txlog::kLogHeaderBytes);
    if (!sink.empty()) txlog::set(patched, NeostoreField::kLastTransaction, sink.last());
    return patches_between(contents, patched);
}

std::vector<format::NeostorePatch> log_patches(std::int64_t last) {
    using txlog::NeostoreField;
    std::vector<std::byte> page(txlog::kNeostoreMinBytes);
    std::vector<format::NeostorePatch> patches;
    const auto add = [&](NeostoreField field, std::int64_t value) {
        txlog::set(page, field, value);
        const auto place = txlog::place_of(field);
        patches.push_back({.offset = static_cast<std::int64_t>(place),
                           .hex = base::to_hex(std::span(page).subspan(place, sizeof(value)))});
    };
    add(NeostoreField::kLogVersion, kLogVersion);
    add(NeostoreField::kLastTransaction, last);
    add(NeostoreField::kLastClosedLogVersion, kLogVersion);
    add(NeostoreField::kLastClosedLogOffset, txlog::kLogHeaderBytes);
    return patches;
}

}  // namespace n4b::engine
