#pragma once

#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>

#include "backup-runner/blocks/block_stream.hpp"
#include "backup-runner/catchup/session.hpp"
#include "backup-runner/engine/bandwidth.hpp"
#include "backup-runner/engine/progress.hpp"
#include "backup-runner/engine/store_file_names.hpp"
#include "backup-runner/engine/store_list.hpp"

namespace n4b::engine {

/// The files of one copy that are complete. Thread-safe.
class ReceivedNames {
public:
    /// By the name that the source gave it. Invalid (SourceProtocolError): it is in the way of another one.
    base::Result<void> add(const std::string& name);

private:
    std::mutex mutex_{};
    StoreFileNames names_{};  ///< Guarded by the mutex.
};

/// Where received files go, and how fast.
struct FileTarget {
    blocks::BlockStream& stream;
    ReceivedNames& names;
    ProgressCounters& progress;
    BandwidthLimit* limit = nullptr;  ///< Null: as fast as they come.
    std::stop_token stop{};           ///< Ends a wait for the limit.
};

/// Receives files into the artifact; one thread. A file that was asked for by name counts only when the server has said
/// Success behind it (catchup protocol section 1): it is kept by keep(), else it counts for nothing. Of any others each
/// counts as soon as it has ended: their request is not made twice, and without its Success the copy fails.
class ArtifactReceiver final : public catchup::FileReceiver {
public:
    /// `expected`: the one name that may come; empty: any but `neostore`.
    explicit ArtifactReceiver(FileTarget target, std::string expected = {})
        : target_(std::move(target)), expected_(std::move(expected)) {}
    ~ArtifactReceiver() override;
    ArtifactReceiver(const ArtifactReceiver&) = delete;
    ArtifactReceiver& operator=(const ArtifactReceiver&) = delete;

    base::Result<void> begin(const std::string& name) override;
    base::Result<void> data(std::span<const std::byte> bytes) override;
    base::Result<void> end() override;

    /// The file that was asked for has come to its end.
    [[nodiscard]] bool complete() const { return complete_; }
    /// Makes that file part of the artifact.
    base::Result<void> keep();

    /// The names that came, without those in directories: no list has such.
    [[nodiscard]] const std::set<std::string>& names() const { return names_; }
    /// When the first file began.
    [[nodiscard]] std::optional<base::SteadyTime> begun() const { return begun_; }

private:
    base::Result<void> remember();

    FileTarget target_;
    const std::string expected_;
    std::string name_{};
    bool open_ = false;  ///< A file has begun, and is neither kept nor given up.
    bool complete_ = false;
    std::set<std::string> names_{};
    std::size_t bare_name_bytes_ = 0;
    std::size_t name_bytes_ = 0;
    std::optional<base::SteadyTime> begun_{};
};

/// Keeps `neostore` in memory: it is small, and what it says changes before it is stored.
class NeostoreReceiver final : public catchup::FileReceiver {
public:
    base::Result<void> begin(const std::string& name) override;
    base::Result<void> data(std::span<const std::byte> bytes) override;
    base::Result<void> end() override;

    [[nodiscard]] bool complete() const { return complete_; }
    catchup::Bytes& contents() { return contents_; }

private:
    catchup::Bytes contents_{};
    bool complete_ = false;
};

}  // namespace n4b::engine
