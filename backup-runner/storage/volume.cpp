#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

#include "backup-runner/storage/descriptor.hpp"
#include "backup-runner/storage/storage.hpp"
#include "backup-runner/storage/volume_error.hpp"

namespace n4b::storage {
namespace {

using base::ErrorCode;
using base::Reason;
using base::Result;

constexpr mode_t kDirectoryMode = 0750;
constexpr mode_t kFileMode = 0640;
/// Write-back is started this often, so that fsync at the end of a large file has little left to do. What is one piece
/// older is waited for and leaves the page cache: it is read again by nobody here, the database on the same node has
/// better use for the memory, and pages that are used again cost less than fresh ones (a third of the time of a copy).
constexpr std::int64_t kWriteBackBytes = std::int64_t{8} * 1024 * 1024;
constexpr std::size_t kGatherBytes = std::size_t{1} << 20U;

/// What sync_file_range() answers where there is no such thing. Anything else is an error of the data itself, which
/// fsync() may not tell again.
bool has_no_write_back(int error) {
    return error == EINVAL || error == ENOSYS || error == ESPIPE;
}

bool are_one_file(const struct stat& a, const struct stat& b) {
    return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

bool are_one_file(const std::string& a, const std::string& b) {
    struct stat first {};
    struct stat second {};
    return ::lstat(a.c_str(), &first) == 0 && ::lstat(b.c_str(), &second) == 0 && are_one_file(first, second);
}

/// Makes a call that answers 0 until no signal interrupts it.
template <typename Call>
int uninterrupted(Call call) {
    int result = 0;
    do {
        result = call();
    } while (result != 0 && errno == EINTR);
    return result;
}

int sync_file(int fd) {
    return uninterrupted([fd] { return ::fsync(fd); });
}

/// What link() answers about the name or the volume, whatever the file system can do. Any other answer may mean that it
/// knows no hard links: FAT says EPERM, and drivers in user space whatever they like, EIO included.
bool is_told_by_link(int error) {
    return error == EEXIST || error == ENOENT || error == ENOTDIR || error == ENOSPC || error == EDQUOT ||
           error == EROFS;
}

/// Whether a file beside the target can be renamed at all: then it is the exclusive rename that is missing, and not the
/// volume that fails.
bool can_rename(const std::string& source) {
    const auto other = source + "-renamed";
    return ::rename(source.c_str(), other.c_str()) == 0 && ::rename(other.c_str(), source.c_str()) == 0;
}

/// Exclusive like link(), whose error is told where the volume itself fails.
Result<void> rename_to_free_name(const std::string& source, const std::string& target, int link_error) {
    if (::renameat2(AT_FDCWD, source.c_str(), AT_FDCWD, target.c_str(), RENAME_NOREPLACE) == 0) return {};
    const int error = errno;
    if (error == EEXIST) {
        // The link was made although its answer was an error.
        if (!are_one_file(source, target)) return volume_failure(error, "rename", target);
        if (::unlink(source.c_str()) != 0 && errno != ENOENT) return volume_failure(errno, "unlink", source);
        return {};
    }
    if (!can_rename(source)) return volume_failure(link_error, "link", target);
    return base::fail(ErrorCode::kInvalid, Reason::kStorageOperationUnsupported,
                      fmt::format("give {} its name: the file system has neither hard links nor a rename that replaces "
                                  "nothing",
                                  target));
}

/// Whether the open file still has that name.
bool is_at(int fd, const std::string& path) {
    struct stat open {};
    struct stat named {};
    return ::fstat(fd, &open) == 0 && ::lstat(path.c_str(), &named) == 0 && are_one_file(open, named);
}

class VolumeWriter final : public Writer {
public:
    VolumeWriter(Descriptor fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}
    ~VolumeWriter() override {
        // Somebody may have removed it and made another of that name.
        if (!finished_ && is_at(fd_.get(), path_)) ::unlink(path_.c_str());
    }
    VolumeWriter(const VolumeWriter&) = delete;
    VolumeWriter& operator=(const VolumeWriter&) = delete;

    /// From here on; what was written so far ends at a multiple of kDirectAlignment.
    void write_as(Caching caching) {
        around_ = caching == Caching::kAround;
        // Not with open(): where the file system can't do it, open() has made the file when it fails.
        direct_ = around_ && ::fcntl(fd_.get(), F_SETFL, ::fcntl(fd_.get(), F_GETFL) | O_DIRECT) == 0;
        if (direct_) hinted_ = started_ = dropped_ = written_;
    }

    Result<void> write(std::span<const std::byte> bytes) override {
        while (!bytes.empty()) {
            if (!direct_) return write_all(bytes);
            const bool aligned = reinterpret_cast<std::uintptr_t>(bytes.data()) % kDirectAlignment == 0;
            if (gathered_ == 0 && aligned && bytes.size() >= kDirectAlignment) {
                const auto whole = bytes.first(bytes.size() / kDirectAlignment * kDirectAlignment);
                N4B_TRY_VOID(write_all(whole));
                bytes = bytes.subspan(whole.size());
            } else {
                N4B_TRY(const auto taken, gather(bytes));
                bytes = bytes.subspan(taken);
            }
        }
        return {};
    }

    /// Copies the first bytes of an open file, before anything is written; shares them where the file system can.
    Result<void> begin_with(int source, std::int64_t bytes) {
        while (written_ < bytes) {
            const auto wanted = static_cast<std::size_t>(std::min(bytes - written_, kWriteBackBytes));
            off_t from = written_;
            ssize_t n = ::copy_file_range(source, &from, fd_.get(), nullptr, wanted, 0);
            // Between file systems, and on those that can't do it, the kernel copies.
            if (n < 0) n = ::sendfile(fd_.get(), source, &from, wanted);
            if (n < 0 && errno == EINTR) continue;
            if (n <= 0) return volume_failure(n < 0 ? errno : EIO, "copy", path_);
            written_ += n;
            if (written_ - started_ >= kWriteBackBytes) N4B_TRY_VOID(write_back());
        }
        return {};
    }

    Result<std::int64_t> sync() override {
        if (sync_file(fd_.get()) != 0) return volume_failure(errno, "fsync", path_);
        return written_;
    }

    Result<void> finish() override {
        N4B_TRY_VOID(write_gathered());
        if (sync_file(fd_.get()) != 0) return volume_failure(errno, "fsync", path_);
        ::posix_fadvise(fd_.get(), 0, 0, POSIX_FADV_DONTNEED);
        // Durable already; an interrupted close has closed (Linux).
        if (::close(fd_.release()) != 0 && errno != EINTR) return volume_failure(errno, "close", path_);
        finished_ = true;
        return {};
    }

private:
    /// Around the page cache only while all is aligned; whoever calls this sees to it.
    Result<void> write_all(std::span<const std::byte> bytes) {
        while (!bytes.empty()) {
            const ssize_t n = ::write(fd_.get(), bytes.data(), bytes.size());
            if (n < 0 && errno == EINTR) continue;
            if (n < 0 && errno == EINVAL && direct_) {
                // Some file systems take the flag and refuse the write, or ended the last write at an odd place.
                go_through_the_cache();
                continue;
            }
            if (n <= 0) return volume_failure(n < 0 ? errno : EIO, "write", path_);
            bytes = bytes.subspan(static_cast<std::size_t>(n));
            written_ += n;
            if (direct_) hinted_ = started_ = dropped_ = written_;
        }
        // Of what was meant to go around the cache little may pile up in it.
        if (around_ && written_ - hinted_ >= static_cast<std::int64_t>(kGatherBytes)) {
            ::sync_file_range(fd_.get(), hinted_, written_ - hinted_, SYNC_FILE_RANGE_WRITE);
            hinted_ = written_;
        }
        return written_ - started_ >= kWriteBackBytes ? write_back() : Result<void>{};
    }

    /// Copies what comes in odd pieces to aligned memory, and writes that when it is full. How much was taken.
    Result<std::size_t> gather(std::span<const std::byte> bytes) {
        if (!gather_) gather_.reset(static_cast<std::byte*>(std::aligned_alloc(kDirectAlignment, kGatherBytes)));
        if (!gather_) {
            go_through_the_cache();
            return 0;
        }
        const auto taken = std::min(bytes.size(), kGatherBytes - gathered_);
        std::memcpy(gather_.get() + gathered_, bytes.data(), taken);
        gathered_ += taken;
        if (gathered_ == kGatherBytes) N4B_TRY_VOID(write_gathered());
        return taken;
    }

    /// What is no whole number of pages goes through the page cache: it ends the file.
    Result<void> write_gathered() {
        const auto bytes = std::span<const std::byte>(gather_.get(), std::exchange(gathered_, 0));
        const auto whole = direct_ ? bytes.size() / kDirectAlignment * kDirectAlignment : 0;
        N4B_TRY_VOID(write_all(bytes.first(whole)));
        if (whole == bytes.size()) return {};
        go_through_the_cache();
        return write_all(bytes.subspan(whole));
    }

    void go_through_the_cache() {
        direct_ = false;
        ::fcntl(fd_.get(), F_SETFL, ::fcntl(fd_.get(), F_GETFL) & ~O_DIRECT);
    }

    /// No proof that anything is durable: that is fsync's.
    Result<void> write_back() {
        ::sync_file_range(fd_.get(), started_, written_ - started_, SYNC_FILE_RANGE_WRITE);
        if (started_ > dropped_) {
            const int done = uninterrupted([this] {
                return ::sync_file_range(
                    fd_.get(), dropped_, started_ - dropped_,
                    SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
            });
            if (done != 0 && !has_no_write_back(errno)) return volume_failure(errno, "write back", path_);
            ::posix_fadvise(fd_.get(), dropped_, started_ - dropped_, POSIX_FADV_DONTNEED);
        }
        dropped_ = started_;
        started_ = written_;
        return {};
    }

    Descriptor fd_;
    std::string path_;
    bool around_ = false;  ///< The page cache, if possible.
    bool direct_ = false;  ///< It is possible.
    std::unique_ptr<std::byte, decltype(&std::free)> gather_{nullptr, &std::free};
    std::size_t gathered_ = 0;
    std::int64_t written_ = 0;
    std::int64_t hinted_ = 0;   ///< Up to here, write-back has begun early.
    std::int64_t started_ = 0;  ///< Up to here, write-back has begun.
    std::int64_t dropped_ = 0;  ///< Up to here, the page cache has let go.
    bool finished_ = false;
};

/// Whose the things are that nobody is named for.
enum class Unnamed {
    kOurs,
    kLikeTheirDirectory,  ///< As far as this process may give them away, which only root may.
};

/// What root makes in a directory of somebody else's is given to that one: a hold or a backup made by hand would
/// otherwise be closed to the pods that made the rest.
void give_to_owner_of_directory(const std::string& path) {
    struct stat status {};
    if (::geteuid() != 0 || ::stat(path.substr(0, path.rfind('/')).c_str(), &status) != 0) return;
    if (status.st_uid == 0) return;
    // Some network file systems don't let root do it. Then the file is root's, as it would be without.
    [[maybe_unused]] const int given = ::lchown(path.c_str(), status.st_uid, status.st_gid);
}

class Volume final : public Storage {
public:
    using Storage::create;

    explicit Volume(std::string root, Access access = {}, Unnamed unnamed = Unnamed::kOurs)
        : root_(std::move(root)), access_(access), unnamed_(unnamed) {}

    /// Gives a directory of ours to its owner.
    Result<void> give_directory(const std::string& path) const {
        return give(path, access_.modes ? std::optional(access_.modes->directory) : std::nullopt);
    }

    Result<void> make_directories(std::string_view key) override {
        std::size_t end = 0;
        while (end < key.size()) {
            end = std::min(key.find('/', end + 1), key.size());
            const auto path = path_of(key.substr(0, end));
            if (::mkdir(path.c_str(), kDirectoryMode) == 0) {
                N4B_TRY_VOID(give_directory(path));
                N4B_TRY_VOID(sync_parent(key.substr(0, end)));
            } else if (errno == ENOTDIR) {
                return volume_failure(EEXIST, "create the directory", path);
            } else if (errno != EEXIST) {
                return volume_failure(errno, "create the directory", path);
            }
        }
        struct stat status {};
        const auto path = path_of(key);
        if (::stat(path.c_str(), &status) != 0) return volume_failure(errno, "stat", path);
        if (!S_ISDIR(status.st_mode)) return volume_failure(EEXIST, "create the directory", path);
        return {};
    }

    Result<std::unique_ptr<Writer>> create(std::string_view key, Caching caching) override {
        N4B_TRY(auto writer, create_file(key));
        writer->write_as(caching);
        return writer;
    }

    Result<std::unique_ptr<Writer>> create_from(std::string_view key, std::string_view beginning, std::int64_t bytes,
                                                Caching caching) override {
        const auto source = path_of(beginning);
        const Descriptor from(::open(source.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
        if (from.get() < 0) return volume_failure(errno, "open", source);
        N4B_TRY(auto writer, create_file(key));
        N4B_TRY_VOID(writer->begin_with(from.get(), bytes));
        writer->write_as(caching);
        return writer;
    }

    Result<void> publish(std::string_view from, std::string_view to) override {
        const auto source = path_of(from);
        const auto target = path_of(to);
        // link() fails when the name is taken, where rename() would replace it.
        if (::link(source.c_str(), target.c_str()) != 0) {
            const int error = errno;
            if (!is_told_by_link(error)) {
                N4B_TRY_VOID(rename_to_free_name(source, target, error));
                return sync_parent(to);
            }
            // A network file system sends a call again whose answer was lost: the second finds what the first has made.
            if (error != EEXIST || !are_one_file(source, target)) return volume_failure(error, "link", target);
        }
        N4B_TRY_VOID(sync_parent(to));
        if (::unlink(source.c_str()) != 0 && errno != ENOENT) return volume_failure(errno, "unlink", source);
        return {};
    }

    Result<void> rename(std::string_view from, std::string_view to) override {
        const auto target = path_of(to);
        if (::rename(path_of(from).c_str(), target.c_str()) != 0) return volume_failure(errno, "rename", target);
        return {};
    }

    Result<void> replace(std::string_view from, std::string_view to) override {
        N4B_TRY_VOID(rename(from, to));
        return sync_parent(to);
    }

    Result<void> replace_directory(std::string_view from, std::string_view to) override {
        const auto source = path_of(from);
        const auto target = path_of(to);
        const bool exchanged = ::renameat2(AT_FDCWD, source.c_str(), AT_FDCWD, target.c_str(), RENAME_EXCHANGE) == 0;
        const int error = errno;
        if (!exchanged && !can_rename(source)) return volume_failure(error, "exchange", target);
        const auto& directory = exchanged ? source : target;
        if (::rmdir(directory.c_str()) != 0) return volume_failure(errno, "remove", directory);
        if (!exchanged && ::rename(source.c_str(), target.c_str()) != 0) return volume_failure(errno, "rename", target);
        return sync_parent(to);
    }

    Result<void> sync_directory(std::string_view key) override {
        const auto path = path_of(key);
        const Descriptor fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (fd.get() < 0) return volume_failure(errno, "open", path);
        // EINVAL: the file system (some network ones) has no such thing for directories; its server does it.
        if (sync_file(fd.get()) != 0 && errno != EINVAL) return volume_failure(errno, "fsync", path);
        return {};
    }

    Result<void> list(std::string_view key, const std::function<bool(const Entry&)>& take) override {
        const auto path = path_of(key);
        const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), ::closedir);
        if (!directory) return volume_failure(errno, "list", path);
        for (;;) {
            errno = 0;
            const dirent* member = ::readdir(directory.get());
            if (member == nullptr && errno != 0) return volume_failure(errno, "list", path);
            if (member == nullptr) return {};
            const std::string_view name = member->d_name;
            if (name == "." || name == "..") continue;
            struct stat status {};
            if (::fstatat(::dirfd(directory.get()), member->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
                if (errno == ENOENT) continue;
                return volume_failure(errno, "stat", path + "/" + std::string(name));
            }
            const bool is_directory = S_ISDIR(status.st_mode);
            if (!take({.name = std::string(name),
                       .directory = is_directory,
                       .bytes = is_directory ? 0 : status.st_size})) {
                return {};
            }
        }
    }

    Result<bool> exists(std::string_view key) override {
        const auto path = path_of(key);
        struct stat status {};
        if (::lstat(path.c_str(), &status) == 0) return true;
        if (errno == ENOENT) return false;
        return volume_failure(errno, "stat", path);
    }

    Result<void> remove(std::string_view key) override {
        const auto path = path_of(key);
        if (::unlink(path.c_str()) != 0) return volume_failure(errno, "remove", path);
        return {};
    }

    Result<bool> remove_directory(std::string_view key) override {
        const auto path = path_of(key);
        if (::rmdir(path.c_str()) == 0) return true;
        const int error = errno;
        // A network file system keeps a file that somebody still has open under another name.
        if (error == ENOTEMPTY || error == EEXIST || error == ENOENT || error == EBUSY) return false;
        return volume_failure(error, "remove the directory", path);
    }

private:
    [[nodiscard]] std::string path_of(std::string_view key) const {
        if (key.empty()) return root_;
        return root_ == "/" ? "/" + std::string(key) : root_ + "/" + std::string(key);
    }

    [[nodiscard]] Result<std::unique_ptr<VolumeWriter>> create_file(std::string_view key) const {
        auto path = path_of(key);
        Descriptor fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, kFileMode));
        if (fd.get() < 0) return volume_failure(errno, "create", path);
        // At once, so that the sync of the contents makes the owner durable as well.
        N4B_TRY_VOID(give(path, access_.modes ? std::optional(access_.modes->file) : std::nullopt));
        return std::make_unique<VolumeWriter>(std::move(fd), std::move(path));
    }

    Result<void> sync_parent(std::string_view key) {
        const auto slash = key.rfind('/');
        return sync_directory(slash == std::string_view::npos ? "" : key.substr(0, slash));
    }

    /// `mode`: nothing leaves it as it was made.
    Result<void> give(const std::string& path, std::optional<std::uint32_t> mode) const {
        const auto& owner = access_.owner;
        if (!owner && unnamed_ == Unnamed::kLikeTheirDirectory) give_to_owner_of_directory(path);
        if (owner && ::lchown(path.c_str(), owner->user, owner->group) != 0) {
            return volume_failure(errno, fmt::format("give to {}:{}", owner->user, owner->group), path);
        }
        if (mode && ::chmod(path.c_str(), *mode) != 0) {
            return volume_failure(errno, fmt::format("set the mode {:04o} of", *mode), path);
        }
        return {};
    }

    const std::string root_;
    const Access access_;
    const Unnamed unnamed_;
};

}  // namespace

Result<std::unique_ptr<Storage>> open_volume(const std::string& directory) {
    struct stat status {};
    if (::stat(directory.c_str(), &status) != 0) return volume_failure(errno, "open the storage directory", directory);
    if (!S_ISDIR(status.st_mode)) return volume_failure(ENOTDIR, "open the storage directory", directory);
    return std::make_unique<Volume>(directory, Access{}, Unnamed::kLikeTheirDirectory);
}

Result<std::unique_ptr<Storage>> create_volume(const std::string& directory, const Access& access) {
    std::string path = directory;
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) {
        // From the root or the working directory down, so that each new entry is durable in its parent.
        const bool absolute = path.starts_with('/');
        Volume top(absolute ? "/" : ".", access);
        N4B_TRY_VOID(top.make_directories(absolute ? std::string_view(path).substr(1) : std::string_view(path)));
    }
    N4B_TRY_VOID(open_volume(path));
    auto volume = std::make_unique<Volume>(path, access);
    N4B_TRY_VOID(volume->give_directory(path));
    return volume;
}

}  // namespace n4b::storage
