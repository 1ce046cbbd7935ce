#include "backup-runner/engine/chain_hold.hpp"

#include <fmt/format.h>

#include <chrono>
#include <span>
#include <vector>

#include "backup-runner/archive/names.hpp"
#include "backup-runner/engine/catalogue.hpp"
#include "backup-runner/engine/repository.hpp"
#include "backup-runner/format/repository.hpp"

namespace n4b::engine {
namespace {

using base::ErrorCode;
using base::Reason;
using base::Result;
using object_store::Call;
using object_store::ObjectInfo;
using object_store::ObjectStore;

/// How long it may take to take the hold back after everything else has failed.
constexpr std::chrono::seconds kTakeBackTime{10};

Result<void> check_there(ObjectStore& store, const format::Layout& layout, const std::string& chain, const Call& call) {
    bool there = false;
    N4B_TRY_VOID(store.list(
        layout.heads() + chain + "-", "",
        [&](const auto&) {
            there = true;
            return false;
        },
        call));
    if (there) return {};
    return base::fail(ErrorCode::kNotFound, Reason::kArtifactNotFound,
                      fmt::format("{}: there is no chain {}", layout.heads(), chain));
}

/// The text of a hold, or nothing: it isn't there. Of one that is too long to be a hold, its text is empty.
Result<std::optional<std::string>> read_former(ObjectStore& store, const std::string& key, const Call& call) {
    auto text = read_small(store, key, format::kMaxSmallFileBytes, call);
    if (text) return std::optional(std::move(*text));
    if (text.error().code == ErrorCode::kNotFound) return std::optional<std::string>();
    // An empty hold can't be understood either, so it counts as long as the one that was too long.
    if (lies_in_the_head(text.error())) return std::optional(std::string());
    return base::fail(text.error());
}

Result<void> put_text(ObjectStore& store, const std::string& key, const std::string& text, const Call& call) {
    return store.put(key, std::as_bytes(std::span(text)), call);
}

/// Writes the hold and makes sure that it keeps anything.
Result<void> put_hold(ObjectStore& store, const format::Layout& layout, const std::string& chain,
                      const std::string& key, std::optional<base::SystemTime> until, const Call& call) {
    N4B_TRY_VOID(put_text(store, key, format::print_hold({.expires = until}), call));
    // A removal creates closed.json before it looks for holds once more, so one of the two sees the other.
    return check_open(store, layout, chain, call);
}

/// Whether a hold that was read or tried to be read counts.
bool counts(const Result<std::string>& text, base::SystemTime now) {
    const auto hold = text.and_then([](const std::string& good) { return format::parse_hold(good); });
    return !hold || !hold->expires || *hold->expires + kHoldMargin > now;
}

}  // namespace

std::string text_of(const FoundHold& hold) {
    if (hold.trouble.empty()) return hold.key;
    return fmt::format("{} counts as a hold, since it can't be read: {}", hold.key, hold.trouble);
}

Result<std::optional<FoundHold>> find_hold(ObjectStore& store, const format::Layout& layout, const std::string& chain,
                                           const Call& call) {
    N4B_TRY(const auto now, store.now(call));
    const auto prefix = layout.holds(chain);
    std::vector<FoundHold> holds;
    const auto listed = store.list(
        prefix, "",
        [&](std::span<const ObjectInfo> page) {
            for (const auto& object : page) holds.push_back({.key = object.key, .since = object.modified});
            return true;
        },
        call);
    // A directory that this process may not look into hides the holds of one chain, and says nothing of others.
    if (!listed && listed.error().code == ErrorCode::kPermissionDenied)
        return std::optional(FoundHold{.key = prefix, .trouble = listed.error().message});
    if (!listed) return base::fail(listed.error());
    for (auto& found : holds) {
        if (const auto reader = format::parse_reader_hold_name(found.key.substr(prefix.size()))) {
            if (reader->expires + kHoldMargin > now) return std::optional(found);
            continue;
        }
        const auto text = read_small(store, found.key, format::kMaxSmallFileBytes, call);
        if (!text && text.error().code == ErrorCode::kNotFound) continue;
        if (!text && !lies_in_the_head(text.error())) {
            // A call that has ended says nothing about the hold. After any other failure the chain stays: where the
            // whole storage is gone, whatever is asked of it next fails as well.
            if (call.stop.stop_requested() || call.deadline.passed()) return base::fail(text.error());
            found.trouble = text.error().message;
        }
        if (counts(text, now)) return std::optional(found);
    }
    return std::optional<FoundHold>();
}

Result<void> place_hold(ObjectStore& store, const format::Layout& layout, const std::string& chain,
                        const std::string& name, std::optional<base::SystemTime> until, const Call& call) {
    if (name.starts_with("read-")) {
        return base::fail(
            ErrorCode::kInvalid, Reason::kInvalidRunSpec,
            fmt::format("\"{}\" is a name that readers use, expected one that does not begin with read-", name));
    }
    if (!archive::is_chain_name(chain)) {
        return base::fail(
            ErrorCode::kInvalid, Reason::kInvalidRunSpec,
            fmt::format("\"{}\" is no name of a chain, expected one such as 20261126T023001Z-c01d77", chain));
    }
    N4B_TRY(const auto key, layout.hold(chain, name));
    N4B_TRY_VOID(check_there(store, layout, chain, call));
    N4B_TRY_VOID(check_open(store, layout, chain, call));
    N4B_TRY(const auto former, read_former(store, key, call));
    auto placed = put_hold(store, layout, chain, key, until, call);
    if (placed) return placed;
    // Whoever is told that the hold was not placed must not find it later, nor miss the one that it has replaced. The
    // storage may have written it even where it said otherwise.
    const Call take_back{.deadline = base::Deadline::after(kTakeBackTime)};
    if (former) {
        (void)put_text(store, key, *former, take_back);
    } else {
        (void)store.remove(key, take_back);
        (void)store.remove_empty(layout.holds(chain), layout.chain(chain), take_back);
    }
    return placed;
}

Result<bool> take_hold_away(ObjectStore& store, const format::Layout& layout, const std::string& chain,
                            const std::string& name, const Call& call) {
    N4B_TRY(const auto key, layout.hold(chain, name));
    const auto found = store.stat(key, call);
    if (!found && found.error().code == ErrorCode::kNotFound) return false;
    if (!found) return base::fail(found.error());
    N4B_TRY_VOID(store.remove(key, call));
    N4B_TRY_VOID(store.remove_empty(layout.holds(chain), layout.chain(chain), call));
    return true;
}

}  // namespace n4b::engine
