#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/base/result.hpp"

namespace n4b::storage {

/// The directory that mkfs makes in the root of an ext file system, and that only root may read. It is no part of what
/// a volume holds.
inline constexpr std::string_view kLostAndFound = "lost+found";

/// One member of a directory.
struct Entry {
    std::string name;
    bool directory = false;
    std::int64_t bytes = 0;  ///< Of a file.
};

/// A new object being written; one thread. Destroyed before finish(), it leaves nothing (as far as the process lives).
class Writer {
public:
    virtual ~Writer() = default;
    /// StorageFull, StorageReadOnly, StorageUnavailable, StoragePermission.
    virtual base::Result<void> write(std::span<const std::byte> bytes) = 0;
    /// Makes what was written so far durable, and goes on. Returns how many bytes from the beginning that is true of:
    /// what is gathered for the next write to the device is not among them.
    virtual base::Result<std::int64_t> sync() = 0;
    /// Makes the contents durable.
    virtual base::Result<void> finish() = 0;
};

/// Of memory, place and length, for a read or a write around the page cache: enough for any device.
inline constexpr std::size_t kDirectAlignment = 4096;

/// How the bytes of a new object get to the device.
enum class Caching {
    kThrough,  ///< Through the page cache.
    /// Straight to the device where the file system can do it, for objects of 1 MiB and more: saves the page cache's
    /// pages, which count against a container's memory limit and are expensive to get on a busy node, and a copy where
    /// the caller's memory is aligned to kDirectAlignment. Takes 1 MiB of memory where it is not.
    kAround,
};

/// Files below a directory: what a restore writes, and what an object store keeps its objects in. Keys are relative,
/// with
/// '/' between components, and ours.
/// Thread-safe. Errors carry the reason a user is shown.
class Storage {
public:
    virtual ~Storage() = default;

    /// Creates a directory and its parents where they are missing, each durable in its parent; idempotent.
    /// AlreadyExists: one of them is a file.
    virtual base::Result<void> make_directories(std::string_view key) = 0;
    /// AlreadyExists (ArtifactConflict): somebody else has the key.
    virtual base::Result<std::unique_ptr<Writer>> create(std::string_view key, Caching caching) = 0;
    base::Result<std::unique_ptr<Writer>> create(std::string_view key) { return create(key, Caching::kThrough); }
    /// The same, of an object that begins with the first `bytes` of another one, a multiple of kDirectAlignment.
    /// Unavailable (StorageUnavailable): the other one is shorter.
    virtual base::Result<std::unique_ptr<Writer>> create_from(std::string_view key, std::string_view beginning,
                                                              std::int64_t bytes, Caching caching) = 0;
    /// Gives a finished object its final name, exclusively and atomically, and removes the old one; durable when it
    /// returns. AlreadyExists (ArtifactConflict). Invalid (StorageOperationUnsupported): the file system can't do it,
    /// which is told apart from a volume that fails; both names are as they were.
    virtual base::Result<void> publish(std::string_view from, std::string_view to) = 0;
    /// Gives a finished object its final name, in place of whatever had it; durable when the directory is synced.
    virtual base::Result<void> rename(std::string_view from, std::string_view to) = 0;
    /// The same, durable when it returns.
    virtual base::Result<void> replace(std::string_view from, std::string_view to) = 0;
    /// Gives a finished object the name of an empty directory, which goes away; at once where the file system can
    /// exchange two names, and durable when it returns.
    virtual base::Result<void> replace_directory(std::string_view from, std::string_view to) = 0;
    /// Makes the entries of a directory durable.
    virtual base::Result<void> sync_directory(std::string_view key) = 0;
    /// Calls take for each member, in no order; take returns false to stop. NotFound.
    virtual base::Result<void> list(std::string_view key, const std::function<bool(const Entry&)>& take) = 0;
    virtual base::Result<bool> exists(std::string_view key) = 0;
    virtual base::Result<void> remove(std::string_view key) = 0;
    /// Removes a directory that is empty; false: it holds something, or is not there.
    virtual base::Result<bool> remove_directory(std::string_view key) = 0;
};

/// Whose the files and directories that a volume makes are.
struct Owner {
    std::uint32_t user = 0;
    std::uint32_t group = 0;
};

/// Who may do what with them, whatever the process's umask says.
struct Modes {
    std::uint32_t file = 0640;
    std::uint32_t directory = 0750;
};

/// Nothing: whoever runs, and 0640 and 0750 less the umask.
struct Access {
    std::optional<Owner> owner{};
    std::optional<Modes> modes{};
};

/// A directory on a mounted volume. What root makes in it belongs to the owner of the directory it is made in.
/// Unavailable (StorageUnavailable): the directory is not there.
base::Result<std::unique_ptr<Storage>> open_volume(const std::string& directory);

/// The same, and creates the directory and its parents where they are missing. The directory and all that is made in it
/// is given to the owner and gets the modes that `access` names; PermissionDenied (StoragePermission): this process may
/// not.
base::Result<std::unique_ptr<Storage>> create_volume(const std::string& directory, const Access& access = {});

}  // namespace n4b::storage
