#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "backup-runner/engine/catalogue.hpp"
#include "backup-runner/format/names.hpp"
#include "backup-runner/object_store/object_store.hpp"
#include "common/base/clock.hpp"
#include "common/base/result.hpp"

namespace n4b::engine {

/// What lies in the storage of an artifact without a head: a backup that is under way, one that was killed, or one that
/// has lost its head.
struct Leftover {
    format::ArtifactName name{};
    /// Until when somebody may write to it, by the storage's clock: as its intent says, or the latest of them. Nothing:
    /// there is no intent.
    std::optional<base::SystemTime> deadline{};
    bool abandoned = false;  ///< Somebody has begun to clean it away.
    bool had_head = false;   ///< It was finished: its head was removed, moved away, or is still to be copied here.
    /// When the last of its objects came to lie there, abandoned.json apart; nothing: the storage does not say.
    std::optional<base::SystemTime> newest{};
    std::int64_t objects = 0;
    std::int64_t blocks = 0;  ///< Among the objects.
    std::int64_t bytes = 0;   ///< Of all objects.
};

/// Chains by name, which is by their start; empty: no end on that side.
struct ChainRange {
    std::string from{};
    std::string before{};
};

/// Calls take for each leftover of a source and database, in the order of keys, until it returns false. Names that this
/// runner does not know are passed over, and so is every artifact of a chain that has a head of such a name. An
/// artifact whose head appears during the walk may be among them: who removes anything looks once more (has_head). In
/// memory are a page of names and one leftover. `heads`: what was listed already; null: nothing.
base::Result<void> walk_leftovers(object_store::ObjectStore& store, const format::Layout& layout,
                                  const ChainRange& range, const std::function<bool(const Leftover&)>& take,
                                  const object_store::Call& call, const HeadList* heads = nullptr);

/// A leftover, or why those of a database can't be told.
struct FoundLeftover {
    std::string source;
    std::string database;
    base::Result<Leftover> leftover;
};

/// The same for every source and database in scope. What is out of it is not listed, its chains apart.
base::Result<void> walk_all_leftovers(object_store::ObjectStore& store, const Scope& scope,
                                      const std::function<bool(const FoundLeftover&)>& take,
                                      const object_store::Call& call);

/// Whether an artifact has a head, or may have: one of its chain has a name that this runner does not know.
base::Result<bool> has_head(object_store::ObjectStore& store, const format::Layout& layout,
                            const format::ArtifactName& name, const object_store::Call& call);

}  // namespace n4b::engine
