#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/clock.hpp"
#include "common/base/result.hpp"

/// What lies in a storage (format 1), as names and texts. Pure.
namespace n4b::format {

inline constexpr std::string_view kRepositoryKey = "neo4j-backup.json";
/// How the names of objects begin by which a storage is checked. They stand beside kRepositoryKey for a moment, and are
/// no part of a repository.
inline constexpr std::string_view kCheckPrefix = "neo4j-backup-check-";
inline constexpr std::int64_t kMaxSequence = 999'999;
inline constexpr std::int64_t kMaxBlockNumber = 99'999'999;

/// Who writes: one attempt of a run; its text is "<uid>-<attempt>", and "<uid>-<attempt>-<writer>" of an increment.
struct RunId {
    std::string uid;           ///< 1 to 64 of a-z, 0-9 and '-'.
    std::int64_t attempt = 1;  ///< From 1 on.
    /// 'w' and six random hexadecimal digits: no two writers share a name, even where both were told to make the same
    /// attempt. Empty of a full, whose chain has a random name.
    std::string writer{};
    bool operator==(const RunId&) const = default;
};
std::string to_string(const RunId& run);
/// The text of a writer by a random number.
std::string writer_name(std::uint32_t random);
bool is_writer_name(std::string_view text);

/// Which artifact. No two writers share one, since it holds the run.
struct ArtifactName {
    std::string chain;          ///< "20261122T215049Z-3f9c21", see archive::chain_name().
    std::int64_t sequence = 0;  ///< In the chain; 0 is its full.
    std::string kind = "full";  ///< 1 to 16 of a-z.
    RunId run{};
    bool operator==(const ArtifactName&) const = default;
};

/// "<chain>-<sequence>-<kind>-<highest>-<run>.json", below heads/.
struct HeadName {
    ArtifactName artifact{};
    std::int64_t highest = 0;  ///< Transaction; 0 where there are none.
    bool operator==(const HeadName&) const = default;
};
std::string to_string(const HeadName& name);

/// FailedPrecondition (ArtifactNotSupported): any other text, so that a name of a later runner is told from damage. A
/// kind that this runner doesn't know is no error here.
base::Result<HeadName> parse_head_name(std::string_view name);

/// "<chain>-<sequence>-<fact>-<transaction>-<time>-<run>.json", below facts/.
struct FactName {
    std::string chain;
    std::int64_t sequence = 0;
    std::string fact;  ///< A level of proof, or "UpToDate": nothing new, as of `time`. 1 to 16 letters.
    std::int64_t transaction = 0;
    base::SystemTime time{};  ///< Whole seconds.
    RunId run{};
    bool operator==(const FactName&) const = default;
};
std::string to_string(const FactName& name);
/// FailedPrecondition (ArtifactNotSupported): any other text.
base::Result<FactName> parse_fact_name(std::string_view name);

/// "<sequence>-<kind>-<run>", a directory below chains/<chain>/. The chain is not in it.
std::string directory_name(const ArtifactName& name);
/// FailedPrecondition (ArtifactNotSupported): any other text.
base::Result<ArtifactName> parse_directory_name(std::string_view chain, std::string_view name);

/// "intent-<deadline>.json"; the deadline is in whole seconds, and so that none is cut short, rounded up to them.
std::string intent_name(base::SystemTime deadline);
/// The deadline. FailedPrecondition (ArtifactNotSupported): any other text.
base::Result<base::SystemTime> parse_intent_name(std::string_view name);

/// "read-<expires>-<digits>.json", below holds/: what a reader puts there. Other holds may have any other name.
struct ReaderHoldName {
    base::SystemTime expires{};  ///< Whole seconds; rounded up to them when printed.
    std::string random;          ///< 16 hexadecimal digits.
    bool operator==(const ReaderHoldName&) const = default;
};
std::string to_string(const ReaderHoldName& name);
/// FailedPrecondition (ArtifactNotSupported): any other text.
base::Result<ReaderHoldName> parse_reader_hold_name(std::string_view name);

/// Eight digits, below blocks/.
std::string block_name(std::int64_t number);
/// FailedPrecondition (ArtifactNotSupported): any other text.
base::Result<std::int64_t> parse_block_name(std::string_view name);

/// Keys of one source and database, below the storage's prefix. Immutable.
class Layout {
public:
    /// Invalid (InvalidRunSpec): a source or database that isn't 1 to 128 of letters, digits, '.', '_' and '-', or that
    /// begins with a '.'.
    static base::Result<Layout> create(std::string_view source, std::string_view database);

    [[nodiscard]] std::string owner() const { return source_ + "/owner.json"; }
    [[nodiscard]] std::string heads() const { return base_ + "/heads/"; }
    [[nodiscard]] std::string head(const HeadName& name) const { return heads() + to_string(name); }
    [[nodiscard]] std::string facts() const { return base_ + "/facts/"; }
    [[nodiscard]] std::string fact(const FactName& name) const { return facts() + to_string(name); }
    [[nodiscard]] std::string chains() const { return base_ + "/chains/"; }
    [[nodiscard]] std::string chain(std::string_view name) const { return chains() + std::string(name) + "/"; }
    [[nodiscard]] std::string closed(std::string_view name) const { return chain(name) + "closed.json"; }
    [[nodiscard]] std::string holds(std::string_view name) const { return chain(name) + "holds/"; }
    /// Invalid (InvalidRunSpec): the hold's name isn't 1 to 128 of what a source's may have.
    [[nodiscard]] base::Result<std::string> hold(std::string_view chain_name, std::string_view hold_name) const;
    [[nodiscard]] std::string hold(std::string_view chain_name, const ReaderHoldName& name) const {
        return holds(chain_name) + to_string(name);
    }
    /// All of one artifact but its head; ends at a '/'.
    [[nodiscard]] std::string artifact(const ArtifactName& name) const {
        return chain(name.chain) + directory_name(name) + "/";
    }
    [[nodiscard]] std::string intent(const ArtifactName& name, base::SystemTime deadline) const {
        return artifact(name) + intent_name(deadline);
    }
    [[nodiscard]] std::string blocks(const ArtifactName& name) const { return artifact(name) + "blocks/"; }
    [[nodiscard]] std::string abandoned(const ArtifactName& name) const { return artifact(name) + "abandoned.json"; }
    /// There since the artifact has a head. It sorts before blocks and intent, so that a copy brings it first.
    [[nodiscard]] std::string mark(const ArtifactName& name) const { return artifact(name) + "artifact.json"; }

private:
    Layout(std::string source, std::string base) : source_(std::move(source)), base_(std::move(base)) {}
    std::string source_;
    std::string base_;
};

}  // namespace n4b::format
