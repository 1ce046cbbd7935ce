#include "backup-runner/engine/chain_listing.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>

namespace n4b::engine {
namespace {

using base::ErrorCode;
using base::Reason;
using base::Result;
using object_store::Call;
using object_store::ObjectInfo;
using object_store::ObjectStore;

base::Error unknown(const std::string& key, const std::string& chain) {
    return {.code = ErrorCode::kFailedPrecondition,
            .message = fmt::format("{}: this runner doesn't know what that is, so chain {} is not removed", key, chain),
            .reason = Reason::kArtifactNotSupported};
}

}  // namespace

Result<std::vector<std::string>> names_below(ObjectStore& store, const std::string& prefix, const Call& call) {
    std::vector<std::string> names;
    N4B_TRY_VOID(store.list(
        prefix, "",
        [&](std::span<const ObjectInfo> page) {
            for (const auto& object : page) {
                auto name = object.key.substr(prefix.size());
                name = name.substr(0, name.find('/'));
                if (names.empty() || names.back() != name) names.push_back(std::move(name));
            }
            return true;
        },
        call));
    return names;
}

Result<ChainListing> list_chain(ObjectStore& store, const format::Layout& layout, const std::string& chain,
                                const Call& call) {
    ChainListing listing;
    N4B_TRY(const auto heads, names_below(store, layout.heads() + chain + "-", call));
    for (const auto& rest : heads) {
        const auto name = chain + "-" + rest;
        const auto head = format::parse_head_name(name);
        if (!head) return base::fail(unknown(layout.heads() + name, chain));
        listing.heads.push_back(*head);
    }
    N4B_TRY(const auto entries, names_below(store, layout.chain(chain), call));
    for (const auto& entry : entries) {
        if (entry == "closed.json") {
            listing.closed = true;
        } else if (entry == "holds") {
            listing.holds = true;
        } else {
            const auto artifact = format::parse_directory_name(chain, entry);
            if (!artifact) return base::fail(unknown(layout.chain(chain) + entry, chain));
            listing.artifacts.push_back(*artifact);
        }
    }
    return listing;
}

Result<bool> has_lost_head(ObjectStore& store, const format::Layout& layout, const ChainListing& listing,
                           const Call& call) {
    if (listing.heads.empty()) return true;
    for (const auto& artifact : listing.artifacts) {
        if (std::ranges::any_of(listing.heads, [&](const auto& head) { return head.artifact == artifact; })) continue;
        const auto mark = store.stat(layout.mark(artifact), call);
        if (mark) return true;
        if (mark.error().code != ErrorCode::kNotFound) return base::fail(mark.error());
    }
    return false;
}

}  // namespace n4b::engine
