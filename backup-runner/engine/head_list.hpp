#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "backup-runner/format/names.hpp"
#include "backup-runner/object_store/object_store.hpp"
#include "common/base/result.hpp"

namespace n4b::engine {

/// What one listing shows of a database's heads, and of the chains that were found damaged: what a backup decides by
/// before it asks any source, and what else would be listed anew for each question. In memory is a bounded number of
/// the newest. Immutable.
class HeadList {
public:
    struct Listed {
        std::string name{};
        format::HeadName parsed{};
        std::int64_t bytes = 0;
    };

    static base::Result<HeadList> read(object_store::ObjectStore& store, const format::Layout& layout,
                                       const object_store::Call& call);

    /// The newest heads whose names this runner knows, in the order of their names, which is that of their chains'
    /// start.
    [[nodiscard]] const std::deque<Listed>& heads() const { return heads_; }
    /// Whether those are all.
    [[nodiscard]] bool complete() const { return dropped_.empty(); }
    /// Whether all heads of this chain, and of those that began later, are among them.
    [[nodiscard]] bool covers(const std::string& chain) const { return chain > dropped_; }
    /// The heads of one chain, which is covered, in the order of their sequences.
    [[nodiscard]] std::vector<Listed> of_chain(const std::string& chain) const;
    /// Whether an artifact, whose chain is covered, has a head, or may have: one of its chain has an unknown name.
    [[nodiscard]] bool may_have(const format::ArtifactName& artifact) const;
    /// Why a name is unknown, of the last one that is; nothing: all are known.
    [[nodiscard]] const std::optional<base::Error>& unknown() const { return unknown_; }
    /// The fact by which somebody has put down that a chain is damaged; null: nobody has, or the chain is not covered.
    [[nodiscard]] const format::FactName* damage_of(const std::string& chain) const;

private:
    void add(const std::string& name, std::int64_t bytes, const format::Layout& layout);

    std::deque<Listed> heads_{};
    std::set<std::string> unknown_chains_{};
    std::optional<base::Error> unknown_{};
    std::deque<format::FactName> damage_{};
    std::string dropped_{};  ///< The last chain of which something was dropped.
};

}  // namespace n4b::engine
