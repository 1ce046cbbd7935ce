#include "backup-runner/engine/known_transaction.hpp"

#include <algorithm>
#include <utility>

#include "backup-runner/archive/digest.hpp"

namespace n4b::engine {
namespace {

using base::Result;
using object_store::Call;

/// Of that part of the log.
Result<std::string> digest_of(blocks::ArtifactReader& reader, const LogPlace& place, const Call& call) {
    archive::Sha256 digest;
    std::int64_t at = 0;
    N4B_TRY_VOID(reader.read_one(
        std::nullopt,
        [&](std::span<const std::byte> bytes) -> Result<void> {
            digest.update(part_of(bytes, at, place));
            at += static_cast<std::int64_t>(bytes.size());
            return {};
        },
        call));
    return archive::digits_of(digest.finish());
}

}  // namespace

std::span<const std::byte> part_of(std::span<const std::byte> bytes, std::int64_t at, const LogPlace& place) {
    const auto size = static_cast<std::int64_t>(bytes.size());
    const auto from = std::clamp<std::int64_t>(place.offset - at, 0, size);
    const auto to = std::clamp<std::int64_t>(place.offset + place.length - at, 0, size);
    return bytes.subspan(static_cast<std::size_t>(from), static_cast<std::size_t>(to - from));
}

Result<std::optional<LogPlace>> find_transaction(blocks::ArtifactReader& reader, std::int64_t id, const Call& call) {
    std::optional<LogPlace> place;
    N4B_TRY_VOID(reader.read_transactions(
        [&](const format::TransactionGroup& group) -> Result<void> {
            const auto nth = id - group.first;
            if (nth < 0 || nth >= static_cast<std::int64_t>(group.lengths.size())) return {};
            place = LogPlace{.offset = group.offset, .length = group.lengths[static_cast<std::size_t>(nth)]};
            for (std::int64_t i = 0; i < nth; ++i) place->offset += group.lengths[static_cast<std::size_t>(i)];
            return {};
        },
        call));
    return place;
}

std::optional<KnownTransaction> highest_known(const format::Head& head) {
    if (!head.transactions || head.transactions->highest.length == 0) return std::nullopt;
    const auto& highest = head.transactions->highest;
    return KnownTransaction{.id = highest.point.id, .length = highest.length, .sha256 = highest.sha256};
}

Result<std::optional<KnownTransaction>> read_known(object_store::ObjectStore& store, const format::Layout& layout,
                                                   const Artifact& tip, std::int64_t id, const Call& call) {
    auto artifact = tip;
    while (artifact.head.transactions && artifact.head.transactions->lowest.id > id && artifact.head.parent) {
        N4B_TRY(auto parent, read_head(store, layout, artifact.head.parent->name, call));
        artifact = std::move(parent);
    }
    const auto& head = artifact.head;
    if (!head.transactions || head.transactions->lowest.id > id || head.counts.transactions == 0) return std::nullopt;
    blocks::ArtifactReader reader({.store = store, .prefix = layout.blocks(head.name), .head = head});
    N4B_TRY(const auto place, find_transaction(reader, id, call));
    if (!place) return std::nullopt;
    N4B_TRY(auto digest, digest_of(reader, *place, call));
    return KnownTransaction{.id = id, .length = place->length, .sha256 = std::move(digest)};
}

}  // namespace n4b::engine
