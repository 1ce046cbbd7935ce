#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "backup-runner/engine/restore_point.hpp"
#include "backup-runner/storage/storage.hpp"
#include "common/base/result.hpp"

namespace n4b::engine {

/// The file that stands in a store beside the marker until all of it is there: what of it is durable by now.
inline constexpr char kRestoreJournal[] = "RESTORE-INCOMPLETE.journal";

/// How far a file of a restored store is durable.
struct KeptFile {
    std::int64_t bytes = 0;
    bool whole = false;  ///< Those are all; else there is more to come.
    bool operator==(const KeptFile&) const = default;
};
/// By their paths in the store; kLogPath is the log, wherever it is written. Small ones are not among them.
using KeptFiles = std::map<std::string, KeptFile>;

/// What a file is called that a killed attempt had not finished, until the next one has taken over what is durable of
/// it. A name of its own, since a process that was thought dead may still write to it: what it adds must not get into
/// the store.
std::string unfinished_name(const std::string& path);

/// What is restored, byte by byte: two attempts with the same text write the same files.
std::string origin_of(const RestorePoint& point);

/// Tells another attempt what of an interrupted restore it can keep. Lines of JSON, the first of which says what is
/// restored; a line that is not whole is the last one, and says nothing. One thread.
class RestoreJournal {
public:
    /// Begins anew with what is kept already, in place of an earlier one.
    static base::Result<RestoreJournal> begin(storage::Storage& in, const std::string& origin, const KeptFiles& kept);

    /// A file is durable as a whole.
    base::Result<void> finished(const std::string& path, std::int64_t bytes);
    /// Its first bytes are.
    base::Result<void> reached(const std::string& path, std::int64_t bytes);
    /// What was told so far survives a power failure.
    base::Result<void> sync();

private:
    explicit RestoreJournal(std::unique_ptr<storage::Writer> file) : file_(std::move(file)) {}
    base::Result<void> tell(const std::string& path, const KeptFile& file);
    std::unique_ptr<storage::Writer> file_;
};

/// What the journal in a directory says; empty: there is none, it can't be read, or something else was restored.
KeptFiles read_journal(const std::string& directory, const std::string& origin);

}  // namespace n4b::engine
