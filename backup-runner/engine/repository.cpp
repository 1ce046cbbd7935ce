#include "backup-runner/engine/repository.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <span>
#include <vector>

namespace n4b::engine {
namespace {

using base::ErrorCode;
using base::Reason;
using base::Result;
using object_store::Call;
using object_store::Creation;
using object_store::ObjectStore;

std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span(text));
}

/// Nothing: there is no such object.
Result<std::optional<std::string>> read_if_there(ObjectStore& store, const std::string& key, const Call& call) {
    auto text = read_small(store, key, format::kMaxSmallFileBytes, call);
    if (text) return std::optional(std::move(*text));
    if (text.error().code == ErrorCode::kNotFound) return std::nullopt;
    return base::fail(text.error());
}

Result<format::FoundRepository> find_repository(ObjectStore& store, const Call& call) {
    format::FoundRepository found;
    N4B_TRY(found.file, read_if_there(store, std::string(format::kRepositoryKey), call));
    if (found.file) return found;
    found.empty = true;
    N4B_TRY_VOID(store.list(
        "", "",
        [&](std::span<const object_store::ObjectInfo> page) {
            // The operator looks at a new storage while its first backup begins.
            found.empty = std::all_of(page.begin(), page.end(), [](const object_store::ObjectInfo& object) {
                return object.key.starts_with(format::kCheckPrefix);
            });
            return found.empty;
        },
        call));
    // Somebody else may have made it in between.
    if (!found.empty) {
        N4B_TRY(found.file, read_if_there(store, std::string(format::kRepositoryKey), call));
    }
    return found;
}

}  // namespace

Result<std::string> read_small(ObjectStore& store, const std::string& key, std::size_t most, const Call& call) {
    std::vector<std::byte> buffer(most + 1);
    N4B_TRY(const auto n, store.get(key, 0, buffer, call));
    if (n > most) {
        return base::fail(ErrorCode::kDataLoss, Reason::kArtifactDamaged,
                          fmt::format("{}: longer than {} bytes", key, most));
    }
    return std::string(reinterpret_cast<const char*>(buffer.data()), n);
}

Result<Creation> create_object(ObjectStore& store, const std::string& key, std::string_view text, const Call& call) {
    auto created = store.create(key, bytes_of(text), call);
    if (created || created.error().reason != Reason::kStorageOperationUnsupported) return created;
    const auto there = store.stat(key, call);
    if (there) return Creation::kTaken;
    if (there.error().code != ErrorCode::kNotFound) return base::fail(there.error());
    N4B_TRY_VOID(store.put(key, bytes_of(text), call));
    return Creation::kCreated;
}

Result<format::RepositoryDecision> look_at_repository(ObjectStore& store, const format::RepositoryWish& wish,
                                                      const Call& call) {
    N4B_TRY(const auto found, find_repository(store, call));
    return format::decide_repository(found, wish);
}

Result<format::RepositoryFile> open_repository(ObjectStore& store, const format::RepositoryWish& wish,
                                               const Call& call) {
    N4B_TRY(auto decision, look_at_repository(store, wish, call));
    if (!decision.create) return std::move(decision.file);
    const std::string key(format::kRepositoryKey);
    N4B_TRY_VOID(create_object(store, key, format::print_repository(decision.file), call));
    // What counts is what everybody else will read: another's file, where two made one at once.
    N4B_TRY(const auto text, read_small(store, key, format::kMaxSmallFileBytes, call));
    N4B_TRY(auto made, format::decide_repository({.file = text}, wish));
    return std::move(made.file);
}

Result<void> claim_source(ObjectStore& store, const format::Layout& layout, const format::Owner& owner,
                          const Call& call) {
    N4B_TRY(auto found, read_if_there(store, layout.owner(), call));
    N4B_TRY(auto decision, format::decide_owner(found, owner));
    if (decision != format::OwnerDecision::kCreate) return {};
    N4B_TRY_VOID(create_object(store, layout.owner(), format::print_owner(owner), call));
    // What counts is what everybody else will read: another's claim, where two made one at once.
    N4B_TRY(found, read_if_there(store, layout.owner(), call));
    N4B_TRY(decision, format::decide_owner(found, owner));
    if (decision != format::OwnerDecision::kCreate) return {};
    return base::fail(ErrorCode::kUnavailable, Reason::kStorageUnavailable,
                      fmt::format("{}: it was stored, and is not there", layout.owner()));
}

Result<Release> release_source(ObjectStore& store, const std::string& source, const Call& call) {
    // Whose a source's name is holds for all its databases, so that any will do.
    N4B_TRY(const auto layout, format::Layout::create(source, source));
    const auto key = layout.owner();
    const auto text = read_small(store, key, format::kMaxSmallFileBytes, call);
    if (!text && text.error().code == ErrorCode::kNotFound) return Release{};
    const auto owner = text.and_then([](const std::string& found) { return format::parse_owner(found); });
    if (!owner && owner.error().reason != Reason::kArtifactDamaged) return base::fail(owner.error());
    N4B_TRY_VOID(store.remove(key, call));
    return Release{.claimed = true, .owner = owner ? std::optional(*owner) : std::nullopt};
}

}  // namespace n4b::engine
