#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "backup-runner/format/names.hpp"
#include "backup-runner/object_store/object_store.hpp"
#include "common/base/result.hpp"

namespace n4b::engine {

/// How long a hold counts on after it has expired: whoever wrote its time may have had a clock of its own.
inline constexpr std::chrono::hours kHoldMargin{1};

/// A hold that counts.
struct FoundHold {
    std::string key;                          ///< Of the hold, or of the chain's holds where they can't be listed.
    std::optional<base::SystemTime> since{};  ///< When it came to lie there, by the storage's clock.
    std::string trouble{};                    ///< Why it can't be read, and so counts; empty: it could be read.
};

/// The same for a person: the key, and why it counts though nobody could read it.
std::string text_of(const FoundHold& hold);

/// A hold of a chain that counts, or nothing: there is none. A hold counts until kHoldMargin after it expires, and
/// where it can't be understood or can't be read, since it may say "for ever". Errors: the call has ended, or the
/// storage can't list the holds for another reason than that this process may not.
base::Result<std::optional<FoundHold>> find_hold(object_store::ObjectStore& store, const format::Layout& layout,
                                                 const std::string& chain, const object_store::Call& call);

/// Keeps a chain from being removed until then, or until the hold is taken away. A hold of the same name is replaced;
/// where placing fails, it stays as it was, and no new one is left. NotFound (ArtifactNotFound): there is no such
/// chain. Conflict (ArtifactConflict): its removal has begun. Invalid (InvalidRunSpec): the name is one that readers
/// use.
base::Result<void> place_hold(object_store::ObjectStore& store, const format::Layout& layout, const std::string& chain,
                              const std::string& name, std::optional<base::SystemTime> until,
                              const object_store::Call& call);

/// False: there was none.
base::Result<bool> take_hold_away(object_store::ObjectStore& store, const format::Layout& layout,
                                  const std::string& chain, const std::string& name, const object_store::Call& call);

}  // namespace n4b::engine
