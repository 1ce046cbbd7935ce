#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "backup-runner/storage/storage.hpp"
#include "common/base/clock.hpp"
#include "common/base/result.hpp"

namespace n4b::object_store {

/// How long a call may take, and who may end it sooner.
struct Call {
    base::Deadline deadline = base::Deadline::never();
    std::stop_token stop{};
};

enum class Creation {
    kCreated,
    kTaken,  ///< Something else has the key.
};

enum class Removal {
    kRemoved,  ///< Also when there was nothing.
    kHidden,   ///< The store keeps versions: what was there can still be had, and takes room.
    kHeld,     ///< The store refuses it for now, since the object is locked: it is still there.
};

struct ObjectInfo {
    std::string key{};
    std::int64_t bytes = 0;
    std::optional<base::SystemTime> modified{};  ///< When it came to lie there, by the store's clock.
};

/// Room in bytes; what an ordinary user can have.
struct Space {
    std::int64_t total = 0;
    std::int64_t available = 0;
};

/// Bytes whose SHA-256 is known, so that nobody hashes them twice; borrowed.
struct HashedBytes {
    std::span<const std::byte> bytes{};
    std::string_view sha256{};  ///< 64 lower-case hexadecimal digits.
};

/// Objects that count only all together, such as the blocks of an artifact: what makes them durable on a volume is
/// shared among them. Outlived by its store. Thread-safe.
class ObjectBatch {
public:
    virtual ~ObjectBatch() = default;

    /// As ObjectStore::put, but before settle() has returned, the object may not be visible yet, and may be gone after
    /// a power failure. An error may be that of an object put before, after which the batch is lost.
    virtual base::Result<void> put(std::string_view key, const HashedBytes& object, const Call& call) = 0;

    /// Makes all objects visible and durable whose put has returned.
    virtual base::Result<void> settle(const Call& call) = 0;
};

/// Objects by key, on a volume or in a bucket. Keys are relative to the store, with '/' between components, and
/// checked: no empty component, no "." or "..", at most 900 bytes. Thread-safe.
///
/// Every call ends soon after its deadline (Deadline) or a stop (Cancelled), except where the kernel itself hangs at a
/// volume. Repeats what is worth repeating. Errors carry the reason a user is shown: StorageFull, StorageReadOnly,
/// StorageUnavailable, StoragePermission on volumes; of object storage also BucketNotFound and every Storage... reason
/// of its own. Nothing is visible under a key before it is whole and durable.
class ObjectStore {
public:
    virtual ~ObjectStore() = default;

    /// Writes an object only where nothing has the key. Where the answer to an earlier try of the same call was lost,
    /// an object of the same bytes counts as created. Invalid (StorageOperationUnsupported): the store refuses
    /// conditional writes. Stores that ignore the condition answer kCreated: nothing that has to be right may rest on
    /// this.
    virtual base::Result<Creation> create(std::string_view key, std::span<const std::byte> bytes, const Call& call) = 0;

    /// Writes an object, in place of whatever had the key. Idempotent.
    virtual base::Result<void> put(std::string_view key, std::span<const std::byte> bytes, const Call& call) = 0;

    /// Begins a batch. Destroyed before it is settled, it may leave any of its objects.
    virtual std::unique_ptr<ObjectBatch> begin_batch() = 0;

    /// Reads bytes from `offset` on; returns how many, fewer than `into` has room for only at the object's end, and 0
    /// beyond it. NotFound (ArtifactNotFound).
    virtual base::Result<std::size_t> get(std::string_view key, std::int64_t offset, std::span<std::byte> into,
                                          const Call& call) = 0;

    /// NotFound (ArtifactNotFound).
    virtual base::Result<ObjectInfo> stat(std::string_view key, const Call& call) = 0;

    /// Calls take with pages of the objects whose keys begin with `prefix` (which need not end at a '/') and follow
    /// `after`, in byte order of keys; never with an empty page. take returns false to stop. Objects that come or go
    /// meanwhile may be in it or not.
    virtual base::Result<void> list(std::string_view prefix, std::string_view after,
                                    const std::function<bool(std::span<const ObjectInfo>)>& take, const Call& call) = 0;

    /// Makes an object durable that somebody else wrote and may have died before it was; nothing to do in a bucket.
    /// NotFound (ArtifactNotFound).
    virtual base::Result<void> make_durable(std::string_view key, const Call& call) = 0;

    /// Removes one object; idempotent.
    virtual base::Result<Removal> remove(std::string_view key, const Call& call) = 0;

    /// Removes what is no object below `directory`, which ends at a '/': the files of writers that died, and the
    /// directories that are empty then, itself included. Returns how many bytes the files had. Nobody may write there
    /// meanwhile. Nothing to do in a bucket. Idempotent.
    virtual base::Result<std::int64_t> remove_unfinished(std::string_view directory, const Call& call) = 0;

    /// Removes `directory`, which ends at a '/', where it is empty, and then its parents up to `kept`, which it begins
    /// with. Disturbs nobody who writes there. Nothing to do in a bucket. Idempotent.
    virtual base::Result<void> remove_empty(std::string_view directory, std::string_view kept, const Call& call) = 0;

    /// The store's clock; by an answer that came a moment ago where the store tells the time with each.
    virtual base::Result<base::SystemTime> now(const Call& call) = 0;

    /// Nothing: the store has no such figure.
    virtual base::Result<std::optional<Space>> space(const Call& call) = 0;
};

/// Cancelled or Deadline (StorageUnavailable) when the call has to end now; `what` begins the message.
base::Result<void> check_call(const Call& call, std::string_view what);

/// Objects as files below a directory that is there. Unavailable (StorageUnavailable): it is not.
base::Result<std::unique_ptr<ObjectStore>> open_volume_store(const std::string& directory);

/// The same over files that are open already; `directory` is where they lie.
std::unique_ptr<ObjectStore> volume_store(std::string directory, std::shared_ptr<storage::Storage> files);

}  // namespace n4b::object_store
