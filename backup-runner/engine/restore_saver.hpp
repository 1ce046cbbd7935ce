#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "backup-runner/engine/restore_journal.hpp"
#include "backup-runner/storage/storage.hpp"
#include "common/base/result.hpp"

namespace n4b::engine {

/// A file of the store, or the log, that is being written.
struct RestoredFile {
    storage::Storage* in = nullptr;
    std::string path{};
    std::unique_ptr<storage::Writer> writer{};
    std::int64_t had = 0;   ///< What it was begun with, of one that a killed attempt had not finished.
    std::int64_t told = 0;  ///< To the journal.
};

/// Begins a file, with the `had` bytes that a killed attempt has left under unfinished_name(), or empty. Errors as
/// at_target() has them.
base::Result<std::unique_ptr<storage::Writer>> begin_file(storage::Storage& in, const std::string& path,
                                                          std::int64_t had, storage::Caching caching);

/// Makes durable what a restore has written, from time to time, and tells the journal. Errors as at_target() has them.
/// One thread.
class RestoreSaver {
public:
    /// What the journal is told of a file is a whole number of these, so that another attempt can go on around the page
    /// cache; shorter files are not told.
    static constexpr std::int64_t kUnit = std::int64_t{1} * 1024 * 1024;

    /// `journal`: null where nobody goes on. `every`: how many bytes are written until they are saved.
    RestoreSaver(RestoreJournal* journal, std::int64_t every) : journal_(journal), every_(every) {}

    /// Counts what was written; whether that is so much since the last time that all open files are to be saved.
    [[nodiscard]] bool is_time(std::size_t written);
    base::Result<void> save(RestoredFile& file);
    /// All were.
    base::Result<void> saved();

    /// `bytes`: how many it has.
    base::Result<void> finish(RestoredFile& file, std::int64_t bytes);

private:
    RestoreJournal* const journal_;
    const std::int64_t every_;
    std::int64_t unsaved_ = 0;
};

}  // namespace n4b::engine
