#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "backup-runner/format/names.hpp"
#include "backup-runner/format/repository.hpp"
#include "backup-runner/object_store/object_store.hpp"
#include "common/base/result.hpp"

namespace n4b::engine {

/// A small object, whole. NotFound (ArtifactNotFound). DataLoss (ArtifactDamaged): longer than `most` bytes.
base::Result<std::string> read_small(object_store::ObjectStore& store, const std::string& key, std::size_t most,
                                     const object_store::Call& call);

/// Creates an object where nothing has the key, also on a store that refuses conditional writes: there it looks first,
/// and of two who create it at once both succeed. So nothing that has to be right may rest on it.
base::Result<object_store::Creation> create_object(object_store::ObjectStore& store, const std::string& key,
                                                   std::string_view text, const object_store::Call& call);

/// Looks for the repository file and decides what to do about it (format::decide_repository, with its errors); changes
/// nothing.
base::Result<format::RepositoryDecision> look_at_repository(object_store::ObjectStore& store,
                                                            const format::RepositoryWish& wish,
                                                            const object_store::Call& call);

/// The same, and makes it where it has to be made. Two who make it at once end up with the same one.
base::Result<format::RepositoryFile> open_repository(object_store::ObjectStore& store,
                                                     const format::RepositoryWish& wish,
                                                     const object_store::Call& call);

/// Puts down whose a source's name is, or checks it. FailedPrecondition (SourceNameTaken): somebody else's; also
/// parse_owner's errors.
base::Result<void> claim_source(object_store::ObjectStore& store, const format::Layout& layout,
                                const format::Owner& owner, const object_store::Call& call);

/// What became of a source's name that was to be given up.
struct Release {
    bool claimed = false;                  ///< Somebody had it.
    std::optional<format::Owner> owner{};  ///< Who that was; nothing: nobody, or what said so was damaged.
};

/// Gives a source's name up: the next backup under it that has a namespace claims it anew. Invalid (InvalidRunSpec): no
/// name of a source. FailedPrecondition (ArtifactNotSupported): it was claimed in another format, and stays.
base::Result<Release> release_source(object_store::ObjectStore& store, const std::string& source,
                                     const object_store::Call& call);

}  // namespace n4b::engine
