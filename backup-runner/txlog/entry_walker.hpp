#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backup-runner/txlog/log_format.hpp"
#include "common/base/result.hpp"

namespace n4b::txlog {

/// A transaction whose entries were walked.
struct WalkedTransaction {
    Commit commit{};
    std::int64_t checksum = 0;  ///< As transaction_checksum tells.
    /// The type of a command that the walker could not walk: nobody has looked at what stands between it and the COMMIT
    /// entry.
    std::optional<int> unknown_command{};
};

/// Walks the entries of transactions as their bytes stream by: a START entry, COMMAND entries of the types 1 to 17, a
/// COMMIT entry that ends exactly where the transaction does. Only the shape of a command is looked at, never what it
/// says. A command of an unknown type is no error, since the transaction's end is known without it. Neither is one that
/// does not end at an entry where the transaction uses what was never seen on a live server (the graph's own
/// properties, records with a secondary unit): that its shape is understood is not certain.
///
/// Memory does not grow with a transaction. One thread.
class EntryWalker {
public:
    /// A transaction of that many bytes follows.
    void begin(std::int64_t bytes);

    /// Its next bytes, no more than it has. Invalid: they are no entries, with the place and what was found there.
    base::Result<void> take(std::span<const std::byte> bytes);

    /// It is complete. Invalid: its last entry is cut short, or its START entry is none.
    base::Result<WalkedTransaction> end();

private:
    /// What stands in the transaction; the layouts are those of the transaction log, section 9.
    enum class Part {
        kSkipped,      ///< As many bytes as it counts, whatever they are.
        kEntry,        ///< Version and type.
        kStart,        ///< Up to the length of the additional header.
        kCommit,       ///< Transaction and time.
        kCommandType,  ///< One byte.
        kNode,         ///< Its flags, which tell what follows.
        kProperty,
        kPropertyBlocks,  ///< How many there are.
        kPropertyBlock,   ///< Its size.
        kRelationship,
        kNamedToken,  ///< A label or a relationship type.
        kPropertyKey,
        kGroup,
        kDynamics,       ///< How many dynamic records follow.
        kDynamic,        ///< One up to its flags.
        kDynamicData,    ///< Its length, and the next block.
        kIndexAddNode,   ///< The header of a command about an explicit index; also of a removal.
        kIndexAddEdge,   ///< The same, with the ids of two nodes behind the value.
        kIndexName,      ///< The same, with nothing behind it.
        kIndexText,      ///< The length of a string value.
        kIndexMap,       ///< How many pairs of a name and an id follow.
        kIndexMapName,   ///< The length of the name.
        kIndexSettings,  ///< How many pairs of two texts follow.
        kSettingText,    ///< The length of one text.
    };
    /// So many parts of a kind, one behind the other; of kSkipped, so many bytes.
    struct Step {
        Part part = Part::kEntry;
        std::int64_t count = 1;
    };

    static std::size_t bytes_of(Part part);
    void push(Part part, std::int64_t count = 1);
    base::Result<void> check_room();
    std::span<const std::byte> skip(std::span<const std::byte> bytes);
    base::Result<void> read(Part part);
    base::Result<void> read_entry();
    base::Result<void> read_commit();
    base::Result<void> read_command(int type);
    void read_record(Part part);
    base::Result<void> read_index_command(Part part);
    base::Result<void> read_count(Part part);
    base::Result<void> wrong(const std::string& what);
    void pass_over(int type);

    std::int64_t size_ = 0;
    std::int64_t at_ = 0;
    std::vector<Step> steps_{};           ///< What comes next stands last; a handful at any time.
    std::array<std::byte, 32> buffer_{};  ///< Of the part that is being read.
    std::size_t filled_ = 0;
    std::vector<std::byte> head_{};  ///< The first bytes, for the checksum.
    Commit commit_{};
    bool complete_ = false;
    int command_ = 0;  ///< The type of the last one.
    bool doubtful_ = false;
    std::optional<int> unknown_{};
};

}  // namespace n4b::txlog
