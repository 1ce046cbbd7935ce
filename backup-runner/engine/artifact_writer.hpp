#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "backup-runner/archive/digest.hpp"
#include "backup-runner/archive/index.hpp"
#include "backup-runner/archive/layout.hpp"
#include "backup-runner/archive/zstd_stream.hpp"
#include "backup-runner/storage/storage.hpp"
#include "common/base/result.hpp"

namespace n4b::engine {

/// What has happened so far, for people who watch; written by many threads.
struct ProgressCounters {
    std::atomic<const char*> phase = "Connecting";
    std::atomic<std::int64_t> files = 0;
    std::atomic<std::int64_t> bytes = 0;
};

/// One object on its way into the storage: digest, compression where asked, digest of the stored form, buffer, writer.
/// Destroyed before finish() it leaves nothing. One thread.
class ObjectSink {
public:
    static base::Result<std::unique_ptr<ObjectSink>> create(storage::Storage& storage, const std::string& key,
                                                            bool compress, std::size_t buffer_bytes);

    base::Result<void> write(std::span<const std::byte> bytes);
    /// Ends the stream and makes it durable.
    base::Result<archive::Stored> finish();

private:
    ObjectSink(std::unique_ptr<storage::Writer> writer, bool compress, std::size_t buffer_bytes);
    base::Result<void> store(std::span<const std::byte> bytes);
    base::Result<void> flush();

    std::unique_ptr<storage::Writer> writer_;
    std::unique_ptr<archive::ZstdCompressor> compressor_;
    archive::ByteSink stored_sink_;
    archive::Sha256 plain_digest_;
    std::optional<archive::Sha256> stored_digest_;
    std::vector<std::byte> buffer_;
    std::size_t filled_ = 0;
    archive::Stored stored_{};
};

/// Writes the objects of one artifact and its index. open_file, add_file and add_transaction are thread-safe.
class ArtifactWriter {
public:
    struct Totals {
        std::int64_t files = 0;  ///< Store files, the transaction log apart.
        std::int64_t bytes = 0;  ///< Plain, the log included.
        std::int64_t stored_bytes = 0;
        std::int64_t objects = 0;  ///< With intent and index.
        std::int64_t object_bytes = 0;
        archive::Stored index{};
    };

    /// Creates the directories, the intent and the index.
    static base::Result<std::unique_ptr<ArtifactWriter>> create(storage::Storage& storage, archive::ArtifactKeys keys,
                                                                const std::string& intent, bool compress,
                                                                std::size_t buffer_bytes);

    /// A store file by the name a server gave it.
    base::Result<std::unique_ptr<ObjectSink>> open_file(const std::string& name);
    base::Result<void> add_file(const std::string& name, archive::Stored stored, std::vector<std::string> patched = {});

    base::Result<std::unique_ptr<ObjectSink>> open_log();
    /// `path`: the name the log has in a database directory.
    base::Result<void> add_log(const std::string& path, archive::Stored stored);

    base::Result<void> add_transaction(const archive::IndexTransaction& transaction);

    /// Ends the index, makes every directory durable, and checks by a listing that each object is there with its size.
    /// StorageUnavailable: one is not.
    base::Result<Totals> seal();

    /// Removes what was written, as far as that is possible: for a failed attempt that still lives.
    void discard();

    [[nodiscard]] const archive::ArtifactKeys& keys() const { return keys_; }

private:
    ArtifactWriter(storage::Storage& storage, archive::ArtifactKeys keys, bool compress, std::size_t buffer_bytes)
        : storage_(storage), keys_(std::move(keys)), compress_(compress), buffer_bytes_(buffer_bytes) {}

    base::Result<void> begin(const std::string& intent);
    base::Result<void> sync_ancestors();
    base::Result<void> check_alone(const std::string& below, const std::string& name);
    base::Result<void> write_intent(const std::string& intent);
    base::Result<void> add_line(const archive::IndexLine& line);
    base::Result<void> add(archive::IndexFile file);
    void count_object(const std::string& key, std::int64_t bytes);
    [[nodiscard]] std::string suffixed(std::string_view key) const;

    storage::Storage& storage_;
    const archive::ArtifactKeys keys_;
    const bool compress_;
    const std::size_t buffer_bytes_;

    std::mutex mutex_;  ///< Guards all below.
    std::unique_ptr<ObjectSink> index_{};
    Totals totals_{};
    archive::IndexEnd end_{};
    std::uint64_t fingerprint_ = 0;  ///< Sum over objects of a hash of key and size: an unordered set in 8 bytes.
};

/// What a listing of a directory and all below it shows, such as data/<artifact>; "" is the storage's root. Makes every
/// directory durable on the way when `sync` is set.
struct Listing {
    std::int64_t objects = 0;
    std::int64_t bytes = 0;
    std::uint64_t fingerprint = 0;
};
enum class SyncDirectories { kNo, kYes };
base::Result<Listing> list_objects(storage::Storage& storage, const std::string& data, SyncDirectories sync);

}  // namespace n4b::engine
