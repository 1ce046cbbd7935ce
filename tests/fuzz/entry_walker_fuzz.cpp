#include <algorithm>
#include <cstdint>
#include <span>

#include "backup-runner/txlog/entry_walker.hpp"

namespace {

using n4b::txlog::EntryWalker;
using n4b::txlog::WalkedTransaction;

n4b::base::Result<WalkedTransaction> walk(std::span<const std::byte> bytes, std::size_t piece) {
    EntryWalker walker;
    walker.begin(static_cast<std::int64_t>(bytes.size()));
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
        N4B_TRY_VOID(walker.take(bytes.subspan(at, std::min(piece, bytes.size() - at))));
    }
    return walker.end();
}

}  // namespace

/// The input is one transaction, of the length that an index tells: whatever it is, it says the same however it is cut,
/// and what is accepted ends with the COMMIT entry that was told.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace n4b;
    const auto bytes = std::as_bytes(std::span(data, size));
    const auto whole = walk(bytes, std::max<std::size_t>(size, 1));
    for (const std::size_t piece : {std::size_t{1}, std::size_t{13}}) {
        const auto cut = walk(bytes, piece);
        if (cut.has_value() != whole.has_value()) __builtin_trap();
        if (cut && (cut->commit != whole->commit || cut->unknown_command != whole->unknown_command)) __builtin_trap();
    }
    if (!whole) return 0;
    const auto commit = txlog::parse_commit(bytes.last(txlog::kCommitBytes));
    if (!commit || *commit != whole->commit) __builtin_trap();
    if (txlog::transaction_checksum(bytes, size) != whole->checksum) __builtin_trap();
    return 0;
}
