#include "backup-runner/engine/chain_hold.hpp"

#include <fmt/format.h>

#include <chrono>
#include <span>

#include "backup-runner/archive/names.hpp"
#include "backup-runner/engine/catalogue.hpp"
#include "backup-runner/format/repository.hpp"

namespace n4b::engine {
namespace {

using base::ErrorCode;
using base::Reason;
using base::Result;
using object_store::Call;
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

}  // namespace

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
    const auto before = store.stat(key, call);
    if (!before && before.error().code != ErrorCode::kNotFound) return base::fail(before.error());
    N4B_TRY_VOID(check_there(store, layout, chain, call));
    const auto text = format::print_hold({.expires = until});
    N4B_TRY_VOID(store.put(key, std::as_bytes(std::span(text)), call));
    // A removal creates closed.json before it looks for holds once more, so one of the two sees the other.
    const auto open = check_open(store, layout, chain, call);
    // A hold that was there before stays, whatever the look says.
    if (open || before) return open;
    (void)store.remove(key, {.deadline = base::Deadline::after(kTakeBackTime)});
    return open;
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
