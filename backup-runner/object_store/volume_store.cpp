#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <queue>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "backup-runner/object_store/object_store.hpp"
#include "backup-runner/s3/location.hpp"
#include "backup-runner/storage/descriptor.hpp"
#include "backup-runner/storage/storage.hpp"
#include "backup-runner/storage/volume_error.hpp"

namespace n4b::object_store {
namespace {

using base::ErrorCode;
using base::Reason;
using base::Result;
using storage::Descriptor;
using storage::kDirectAlignment;
using storage::volume_failure;

/// How the names of files begin that are still being written. They are no keys.
constexpr std::string_view kUnfinished = ".n4b-unfinished-";
/// A deadline or a stop is looked at between pieces of so many bytes.
constexpr std::size_t kPieceBytes = std::size_t{1} << 20U;
constexpr std::size_t kLeastDirectRead = std::size_t{256} * 1024;
/// So many files of a batch are made durable together, so that they share the work of the file system's journal. Each
/// is an open file until then.
constexpr std::size_t kFilesAtOnce = 32;
constexpr std::size_t kPageKeys = 1000;
/// Names of one directory that are in memory at once, some 60 bytes each.
constexpr std::size_t kNamesAtOnce = 10'000;
/// Deeper than any key.
constexpr int kMostDepth = 16;
/// How often a directory may be removed under a writer's hands. Each takes a clean-up of its own.
constexpr int kMostTries = 100;

/// When a file came to lie here as it is. The time of its contents may be that of another volume, from which it was
/// copied.
base::SystemTime time_of(const struct stat& status) {
    const auto since = std::chrono::seconds(status.st_ctim.tv_sec) + std::chrono::nanoseconds(status.st_ctim.tv_nsec);
    return base::SystemTime(std::chrono::floor<std::chrono::milliseconds>(since));
}

Result<void> check_volume_key(std::string_view key) {
    N4B_TRY_VOID(s3::check_key(key));
    if (key.starts_with(kUnfinished) || key.find("/" + std::string(kUnfinished)) != std::string_view::npos) {
        return base::fail(
            ErrorCode::kInvalid, Reason::kInvalidRunSpec,
            fmt::format("key: found \"{}\", expected no component that begins with {}", key, kUnfinished));
    }
    return {};
}

std::string_view parent_of(std::string_view key) {
    const auto slash = key.rfind('/');
    return slash == std::string_view::npos ? std::string_view() : key.substr(0, slash);
}

/// Walks a directory tree in byte order of keys, and hands out pages.
class Walk {
public:
    Walk(const std::string& root, std::string_view prefix, std::string_view after,
         const std::function<bool(std::span<const ObjectInfo>)>& take, const Call& call)
        : root_(root), prefix_(prefix), after_(after), take_(take), call_(call) {}

    Result<void> run() {
        N4B_TRY(const bool more, visit(""));
        if (more && !page_.empty()) take_(page_);
        return {};
    }

private:
    /// `directory`: empty or ending in '/'. False: take has had enough.
    Result<bool> visit(const std::string& directory) {
        std::string last;
        for (;;) {
            N4B_TRY_VOID(check_call(call_, "list " + root_));
            N4B_TRY(const auto names, next_names(directory, last));
            for (const auto& name : names) {
                N4B_TRY(const bool more, visit_member(directory, name));
                if (!more) return false;
            }
            if (names.size() < kNamesAtOnce) return true;
            last = names.back();
        }
    }

    /// `name`: with a '/' at a directory's end.
    Result<bool> visit_member(const std::string& directory, const std::string& name) {
        const auto key = directory + name;
        if (key.ends_with('/')) return may_hold_keys(key) ? visit(key) : Result<bool>(true);
        if (!key.starts_with(prefix_) || key <= after_) return true;
        struct stat status {};
        if (::lstat((root_ + "/" + key).c_str(), &status) != 0) {
            if (errno == ENOENT) return true;
            return volume_failure(errno, "stat", root_ + "/" + key);
        }
        page_.push_back({.key = key, .bytes = status.st_size, .modified = time_of(status)});
        if (page_.size() < kPageKeys) return true;
        N4B_TRY_VOID(check_call(call_, "list " + root_));
        const bool more = take_(page_);
        page_.clear();
        return more;
    }

    [[nodiscard]] bool may_hold_keys(const std::string& directory) const {
        const bool in_prefix = directory.starts_with(prefix_) || prefix_.starts_with(directory);
        return in_prefix && (directory > after_ || after_.starts_with(directory));
    }

    /// The first names of a directory's members beyond `last`, in the order of the keys they begin: at most
    /// kNamesAtOnce, since a directory may have any number.
    Result<std::vector<std::string>> next_names(const std::string& directory, const std::string& last) const {
        std::priority_queue<std::string> first;  // The greatest on top.
        const auto path = root_ + "/" + directory;
        const std::unique_ptr<DIR, int (*)(DIR*)> handle(::opendir(path.c_str()), ::closedir);
        // A directory that has gone since its parent was read holds no objects.
        if (!handle && errno == ENOENT && !directory.empty()) return std::vector<std::string>();
        if (!handle) return volume_failure(errno, "list", path);
        for (;;) {
            errno = 0;
            const dirent* entry = ::readdir(handle.get());
            if (entry == nullptr && errno != 0) return volume_failure(errno, "list", path);
            if (entry == nullptr) break;
            N4B_TRY(auto name, key_part(directory, ::dirfd(handle.get()), *entry));
            if (name.empty() || name <= last) continue;
            first.push(std::move(name));
            if (first.size() > kNamesAtOnce) first.pop();
        }
        std::vector<std::string> names(first.size());
        for (auto name = names.rbegin(); name != names.rend(); ++name, first.pop()) *name = first.top();
        return names;
    }

    /// What a member adds to its directory's key, with a '/' at a directory's end; empty: it is no part of the store.
    Result<std::string> key_part(const std::string& directory, int handle, const dirent& entry) const {
        std::string name = entry.d_name;
        const bool foreign = directory.empty() && name == storage::kLostAndFound;
        if (name == "." || name == ".." || foreign || name.starts_with(kUnfinished)) return std::string();
        auto type = entry.d_type;
        if (type == DT_UNKNOWN) {
            struct stat status {};
            if (::fstatat(handle, entry.d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
                if (errno == ENOENT) return std::string();
                return volume_failure(errno, "stat", root_ + "/" + directory + name);
            }
            type = static_cast<unsigned char>(IFTODT(status.st_mode));
        }
        if (type == DT_DIR) return name + "/";
        // What lies behind a link in place of a directory would be hidden without a word. In place of a file it is
        // listed, so that who reads it is told.
        if (type != DT_REG && prefix_.starts_with(directory + name + "/")) {
            return volume_failure(ELOOP, "list", root_ + "/" + directory + name);
        }
        return name;
    }

    const std::string& root_;
    const std::string prefix_;
    const std::string after_;
    const std::function<bool(std::span<const ObjectInfo>)>& take_;
    const Call& call_;
    std::vector<ObjectInfo> page_{};
};

class VolumeStore final : public ObjectStore {
public:
    VolumeStore(std::string root, std::shared_ptr<storage::Storage> files)
        : root_(std::move(root)), files_(std::move(files)), salt_(std::random_device{}()) {}

    Result<Creation> create(std::string_view key, std::span<const std::byte> bytes, const Call& call) override {
        N4B_TRY(const auto unfinished, write(key, bytes, call));
        // The volume may have hung for hours in the sync of the bytes, and the name must not appear after the deadline.
        if (auto in_time = check_call(call, "create " + path_of(key)); !in_time) {
            (void)files_->remove(unfinished);
            return base::fail(in_time.error());
        }
        const auto published = files_->publish(unfinished, key);
        if (published) {
            N4B_TRY_VOID(sync_ancestors(key));
            return Creation::kCreated;
        }
        (void)files_->remove(unfinished);
        if (published.error().code == ErrorCode::kAlreadyExists) return Creation::kTaken;
        return base::fail(published.error());
    }

    Result<void> put(std::string_view key, std::span<const std::byte> bytes, const Call& call) override {
        N4B_TRY(const auto unfinished, write(key, bytes, call));
        auto replaced =
            check_call(call, "create " + path_of(key)).and_then([&] { return files_->replace(unfinished, key); });
        if (replaced) return sync_ancestors(key);
        (void)files_->remove(unfinished);
        return replaced;
    }

    std::unique_ptr<ObjectBatch> begin_batch() override { return std::make_unique<Batch>(*this); }

    Result<std::size_t> get(std::string_view key, std::int64_t offset, std::span<std::byte> into,
                            const Call& call) override {
        N4B_TRY_VOID(check_volume_key(key));
        const auto path = path_of(key);
        N4B_TRY_VOID(check_call(call, "read " + path));
        // A pipe would block whoever opens it.
        const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
        if (file.get() < 0) return missing_or_failed(errno, "open", path);
        struct stat status {};
        if (::fstat(file.get(), &status) != 0) return volume_failure(errno, "stat", path);
        if (!S_ISREG(status.st_mode)) {
            return base::fail(ErrorCode::kDataLoss, Reason::kArtifactDamaged,
                              fmt::format("{}: found {}, expected a file", path,
                                          S_ISDIR(status.st_mode) ? "a directory" : "no file"));
        }
        return read(file.get(), path, offset, into, call);
    }

    Result<ObjectInfo> stat(std::string_view key, const Call& call) override {
        N4B_TRY_VOID(check_volume_key(key));
        const auto path = path_of(key);
        N4B_TRY_VOID(check_call(call, "stat " + path));
        struct stat status {};
        if (::lstat(path.c_str(), &status) != 0) return missing_or_failed(errno, "stat", path);
        if (!S_ISREG(status.st_mode)) return missing_or_failed(ENOENT, "stat", path);
        return ObjectInfo{.key = std::string(key), .bytes = status.st_size, .modified = time_of(status)};
    }

    Result<void> list(std::string_view prefix, std::string_view after,
                      const std::function<bool(std::span<const ObjectInfo>)>& take, const Call& call) override {
        return Walk(root_, prefix, after, take, call).run();
    }

    Result<void> make_durable(std::string_view key, const Call& call) override {
        N4B_TRY_VOID(check_volume_key(key));
        const auto path = path_of(key);
        N4B_TRY_VOID(check_call(call, "sync " + path));
        const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
        if (file.get() < 0) return missing_or_failed(errno, "open", path);
        if (::fsync(file.get()) != 0) return volume_failure(errno, "sync", path);
        N4B_TRY_VOID(files_->sync_directory(parent_of(key)));
        return sync_ancestors(key);
    }

    Result<Removal> remove(std::string_view key, const Call& call) override {
        N4B_TRY_VOID(check_volume_key(key));
        const auto path = path_of(key);
        N4B_TRY_VOID(check_call(call, "remove " + path));
        const auto removed = files_->remove(key);
        if (!removed && removed.error().code == ErrorCode::kNotFound) return Removal::kRemoved;
        if (!removed) return base::fail(removed.error());
        const auto synced = files_->sync_directory(parent_of(key));
        // Somebody else has removed the directory by now, which has nothing in it that could come back.
        if (!synced && synced.error().code != ErrorCode::kNotFound) return base::fail(synced.error());
        return Removal::kRemoved;
    }

    Result<std::int64_t> remove_unfinished(std::string_view directory, const Call& call) override {
        std::int64_t bytes = 0;
        N4B_TRY_VOID(empty_out(std::string(directory.substr(0, directory.size() - 1)), bytes, 0, call));
        return bytes;
    }

    Result<void> remove_empty(std::string_view directory, std::string_view kept, const Call& call) override {
        for (auto at = parent_of(directory); at.size() > kept.size(); at = parent_of(at)) {
            N4B_TRY_VOID(check_call(call, "clean up " + path_of(at)));
            N4B_TRY(const bool removed, files_->remove_directory(at));
            // One that has gone is no reason to keep its parent.
            if (removed) continue;
            N4B_TRY(const bool there, files_->exists(at));
            if (there) return {};
        }
        return {};
    }

    /// The time that the file system, on network ones the server, gives to a file that is written.
    Result<base::SystemTime> now(const Call& call) override {
        N4B_TRY_VOID(check_call(call, "the time of " + root_));
        // Without a byte, which a full file system would not take.
        N4B_TRY(const auto unfinished, write_unfinished("", {}, call));
        const auto path = path_of(unfinished);
        struct stat status {};
        const int error = ::stat(path.c_str(), &status) == 0 ? 0 : errno;
        (void)files_->remove(unfinished);
        if (error != 0) return volume_failure(error, "stat", path);
        return time_of(status);
    }

    Result<std::optional<Space>> space(const Call& call) override {
        N4B_TRY_VOID(check_call(call, "free space of " + root_));
        struct statvfs status {};
        if (::statvfs(root_.c_str(), &status) != 0) return volume_failure(errno, "free space of", root_);
        const auto unit = static_cast<std::int64_t>(status.f_frsize);
        return Space{.total = static_cast<std::int64_t>(status.f_blocks) * unit,
                     .available = static_cast<std::int64_t>(status.f_bavail) * unit};
    }

private:
    /// Whole blocks are read around the page cache, as they are written: nobody here reads them twice.
    static bool read_around_the_cache(int file, std::span<const std::byte> into, std::int64_t offset) {
        const auto places = reinterpret_cast<std::uintptr_t>(into.data()) | static_cast<std::uintptr_t>(offset);
        return places % kDirectAlignment == 0 && into.size() >= kLeastDirectRead &&
               ::fcntl(file, F_SETFL, O_RDONLY | O_DIRECT) == 0;
    }

    static Result<std::size_t> read(int file, const std::string& path, std::int64_t offset, std::span<std::byte> into,
                                    const Call& call) {
        bool direct = read_around_the_cache(file, into, offset);
        std::size_t done = 0;
        while (done < into.size()) {
            if (done > 0) N4B_TRY_VOID(check_call(call, "read " + path));
            auto piece = std::min(into.size() - done, kPieceBytes);
            if (direct && piece >= kDirectAlignment) piece -= piece % kDirectAlignment;
            const bool odd = piece % kDirectAlignment != 0 || done % kDirectAlignment != 0;
            if (direct && odd) direct = ::fcntl(file, F_SETFL, O_RDONLY) != 0;
            const ssize_t n = ::pread(file, into.data() + done, piece, offset + static_cast<std::int64_t>(done));
            if (n < 0 && errno == EINTR) continue;
            // Some file systems take the flag and refuse the read.
            if (n < 0 && errno == EINVAL && direct && ::fcntl(file, F_SETFL, O_RDONLY) == 0) {
                direct = false;
                continue;
            }
            if (n < 0) return volume_failure(errno, "read", path);
            if (n == 0) break;
            done += static_cast<std::size_t>(n);
        }
        return done;
    }

    /// A file that is written, under a name that is no key.
    struct Unfinished {
        std::unique_ptr<storage::Writer> writer{};  ///< Of its contents, which are not durable yet.
        std::string name{};
    };

    /// Makes files durable some at a time, gives them their names then, and makes the names durable at the end.
    class Batch final : public ObjectBatch {
    public:
        explicit Batch(VolumeStore& store) : store_(store) {}

        Result<void> put(std::string_view key, const HashedBytes& object, const Call& call) override {
            N4B_TRY(auto file, store_.in_its_directory(key, call, [&] {
                return store_.write_contents(parent_of(key), object.bytes, storage::Caching::kAround, call);
            }));
            std::vector<Waiting> full;
            {
                const std::lock_guard lock(mutex_);
                directories_.emplace(parent_of(key));
                waiting_.push_back({.file = std::move(file), .key = std::string(key)});
                if (waiting_.size() < kFilesAtOnce) return {};
                std::swap(full, waiting_);
            }
            return finish(full, call);
        }

        Result<void> settle(const Call& call) override {
            std::vector<Waiting> rest;
            std::set<std::string> directories;
            {
                const std::lock_guard lock(mutex_);
                std::swap(rest, waiting_);
                std::swap(directories, directories_);
            }
            N4B_TRY_VOID(finish(rest, call));
            for (const auto& directory : directories) {
                N4B_TRY_VOID(check_call(call, "sync " + store_.path_of(directory)));
                N4B_TRY_VOID(store_.files_->sync_directory(directory));
                N4B_TRY_VOID(store_.sync_above(directory));
            }
            return {};
        }

    private:
        struct Waiting {
            Unfinished file{};
            std::string key{};
        };

        /// Each file has its contents before it has its name.
        Result<void> finish(std::vector<Waiting>& files, const Call& call) {
            for (auto& [file, key] : files) {
                N4B_TRY_VOID(check_call(call, "sync " + store_.path_of(key)));
                N4B_TRY_VOID(file.writer->finish());
                if (auto named = store_.files_->rename(file.name, key); !named) {
                    (void)store_.files_->remove(file.name);
                    return named;
                }
            }
            return {};
        }

        VolumeStore& store_;
        std::mutex mutex_{};  ///< Guards all below.
        std::vector<Waiting> waiting_{};
        std::set<std::string> directories_{};  ///< In which names are not durable yet.
    };

    [[nodiscard]] std::string path_of(std::string_view key) const { return root_ + "/" + std::string(key); }

    static tl::unexpected<base::Error> missing_or_failed(int error, std::string_view what, const std::string& path) {
        if (error != ENOENT && error != ENOTDIR) return volume_failure(error, what, path);
        return base::fail(ErrorCode::kNotFound, Reason::kArtifactNotFound, path + ": there is no such object");
    }

    /// A directory that was there already may be one whose maker died before its name was durable, and all that is made
    /// in it since would be gone with the name.
    Result<void> sync_ancestors(std::string_view key) { return sync_above(parent_of(key)); }

    Result<void> sync_above(std::string_view directory) {
        while (!directory.empty()) {
            directory = parent_of(directory);
            N4B_TRY_VOID(files_->sync_directory(directory));
        }
        return {};
    }

    /// Removes the unfinished files of a directory and all below it, and each directory that is empty then.
    Result<void> empty_out(const std::string& directory, std::int64_t& bytes, int depth, const Call& call) {
        N4B_TRY_VOID(check_call(call, "clean up " + path_of(directory)));
        if (depth > kMostDepth) return {};
        std::vector<std::string> directories;
        std::vector<std::string> unfinished;
        std::int64_t found = 0;
        const auto listed = files_->list(directory, [&](const storage::Entry& entry) {
            if (entry.directory) {
                directories.push_back(directory + "/" + entry.name);
            } else if (entry.name.starts_with(kUnfinished)) {
                unfinished.push_back(directory + "/" + entry.name);
                found += entry.bytes;
            }
            return directories.size() + unfinished.size() < kNamesAtOnce;
        });
        if (!listed && listed.error().code == ErrorCode::kNotFound) return {};
        N4B_TRY_VOID(listed);
        for (const auto& file : unfinished) {
            const auto removed = files_->remove(file);
            if (!removed && removed.error().code != ErrorCode::kNotFound) return removed;
        }
        bytes += found;
        for (const auto& below : directories) N4B_TRY_VOID(empty_out(below, bytes, depth + 1, call));
        return files_->remove_directory(directory).map([](bool) {});
    }

    /// A durable file beside the key's place, under a name that is no key; returns its own key.
    Result<std::string> write(std::string_view key, std::span<const std::byte> bytes, const Call& call) {
        return in_its_directory(key, call, [&] { return write_unfinished(parent_of(key), bytes, call); });
    }

    /// Makes the key's directory and writes a file in it.
    template <typename Write>
    auto in_its_directory(std::string_view key, const Call& call, Write write) -> decltype(write()) {
        N4B_TRY_VOID(check_volume_key(key));
        const auto directory = parent_of(key);
        for (int tries = 1;; ++tries) {
            N4B_TRY_VOID(check_call(call, "write " + path_of(key)));
            const auto made = directory.empty() ? Result<void>{} : files_->make_directories(directory);
            auto written = made.and_then(write);
            // Whoever cleans up beside this key removes directories that are empty at that moment. Once the file is
            // there, this one is not.
            const bool gone = !written && written.error().code == ErrorCode::kNotFound;
            if (!gone || tries == kMostTries) return written;
        }
    }

    Result<std::string> write_unfinished(std::string_view directory, std::span<const std::byte> bytes,
                                         const Call& call) {
        N4B_TRY(const auto file, write_contents(directory, bytes, storage::Caching::kThrough, call));
        N4B_TRY_VOID(file.writer->finish());
        return file.name;
    }

    /// Not durable yet.
    Result<Unfinished> write_contents(std::string_view directory, std::span<const std::byte> bytes,
                                      storage::Caching caching, const Call& call) {
        auto name =
            fmt::format("{}{}{}{:08x}-{}", directory, directory.empty() ? "" : "/", kUnfinished, salt_, ++count_);
        N4B_TRY(auto writer, files_->create(name, caching));
        while (!bytes.empty()) {
            N4B_TRY_VOID(check_call(call, "write " + path_of(name)));
            const auto piece = bytes.first(std::min(bytes.size(), kPieceBytes));
            N4B_TRY_VOID(writer->write(piece));
            bytes = bytes.subspan(piece.size());
        }
        return Unfinished{.writer = std::move(writer), .name = std::move(name)};
    }

    const std::string root_;
    const std::shared_ptr<storage::Storage> files_;
    const std::uint32_t salt_;
    std::atomic<std::uint64_t> count_ = 0;
};

}  // namespace

Result<std::unique_ptr<ObjectStore>> open_volume_store(const std::string& directory) {
    auto root = directory;
    while (root.size() > 1 && root.ends_with('/')) root.pop_back();
    N4B_TRY(auto files, storage::open_volume(root));
    return std::make_unique<VolumeStore>(std::move(root), std::move(files));
}

std::unique_ptr<ObjectStore> volume_store(std::string directory, std::shared_ptr<storage::Storage> files) {
    return std::make_unique<VolumeStore>(std::move(directory), std::move(files));
}

}  // namespace n4b::object_store
