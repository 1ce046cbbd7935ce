#pragma once

#include <cstdint>
#include <string>

#include "backup-runner/format/names.hpp"
#include "backup-runner/object_store/object_store.hpp"

namespace n4b::engine {

class HeadList;

/// What a clean-up has done.
struct CleanedUp {
    std::int64_t artifacts = 0;  ///< Of which data was removed.
    std::int64_t bytes = 0;
    bool hidden = false;    ///< The storage keeps versions: the room is not free yet.
    std::string trouble{};  ///< What kept it from removing more, for a person; empty: nothing.
};

/// Who cleans up.
struct CleaningRun {
    format::RunId run{};
    std::string repository{};         ///< Its id.
    const HeadList* heads = nullptr;  ///< What was listed already; borrowed.
    /// Whether it looks at all chains, and not only at those that began of late and the last one.
    enum class Reach { kAll, kRecent } reach = Reach::kAll;
};

/// Removes what can't finish any more below one source and database: what earlier attempts of the same run left, since
/// the next one starts only when their pods are gone; and what nobody may write to since an hour and nothing was added
/// to since a day, by the storage's clock. What somebody else may still write to stays, and so does whatever has a head
/// or had one, or has a name that this runner does not know, and what was made in another repository. A backup
/// that is being copied here gets its head last, but brings the mark of the one that it had. Ends at the call's
/// deadline, and fails nobody.
///
/// Each artifact first gets an abandoned.json, then its head is looked for once more: one that has appeared meanwhile
/// wins. Writers look for abandoned.json before and after their head, so one whose head comes later still learns of
/// it, and readers take nothing of the artifact. Then its blocks go. Intent and abandoned.json stay until the deadline
/// has passed, as long as a head may still arrive. A clean-up that died is taken up by a later one.
CleanedUp clean_up(object_store::ObjectStore& store, const format::Layout& layout, const CleaningRun& run,
                   const object_store::Call& call);

}  // namespace n4b::engine
