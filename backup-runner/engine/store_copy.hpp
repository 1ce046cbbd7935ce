#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backup-runner/blocks/artifact_writer.hpp"
#include "backup-runner/engine/backup.hpp"
#include "backup-runner/engine/source_line.hpp"

namespace n4b::engine {

/// What a head needs to know of a copy.
struct CopyResult {
    format::Transaction lowest{};
    format::HighestTransaction highest{};
    std::int64_t transactions = 0;
    std::optional<base::SystemTime> latest_commit_time{};
    /// Right before the source was asked for its last transaction, by the storage's clock.
    std::optional<base::SystemTime> complete_at{};
    std::string store_version{};
    std::string log_preamble{};
    std::vector<format::NeostorePatch> neostore_patches{};
    std::chrono::milliseconds prepare{};          ///< From the request to prepare to the end of its answer.
    std::chrono::milliseconds checkpoint_lock{};  ///< The part of it in which files flowed, under the server's lock.
};

/// Copies the store files over several connections side by side, and the transactions that make them consistent, into
/// an artifact. `session` is open and becomes the first of the connections. Correctness: PREPARE first; the pull of
/// transactions starts right after it; what comes with its answer is not held back by the bandwidth limit, since the
/// server keeps its checkpoint lock so long; `neostore` is requested last; then the server is asked for its last
/// committed transaction H and the log must reach it. `call`: the attempt's deadline, and who may end it sooner.
base::Result<CopyResult> copy_store(std::unique_ptr<catchup::Session> session, const CopySource& source,
                                    std::int64_t connections, blocks::ArtifactWriter& artifact,
                                    const BackupEnvironment& environment, const object_store::Call& call);

}  // namespace n4b::engine
