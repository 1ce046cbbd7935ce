#include "backup-runner/net/tls_files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "backup-runner/net/tls_material.hpp"

namespace n4b::net {
namespace {

using base::ErrorCode;
using base::Reason;
using base::Result;

/// A Secret holds 1 MiB at most.
constexpr std::size_t kMaxFileBytes = std::size_t{1} << 20;
/// A bundle of all public authorities is 0.2 MiB; what is parsed takes several times as much memory.
constexpr std::size_t kMaxTotalBytes = std::size_t{2} << 20;
constexpr std::size_t kMaxNames = 1000;
constexpr std::size_t kMaxIgnored = 8;

tl::unexpected<base::Error> invalid(std::string message) {
    return base::fail(ErrorCode::kInvalid, Reason::kTlsMaterialInvalid, std::move(message));
}

std::string cause(int number) {
    return std::generic_category().message(number);
}

class Descriptor {
public:
    explicit Descriptor(int fd) : fd_(fd) {}
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    [[nodiscard]] int get() const { return fd_; }

private:
    int fd_;
};

/// Reads files under one bound for all of them.
class Reader {
public:
    Result<SecretBytes> read(const std::string& path) {
        // O_NONBLOCK: a pipe somebody left there must not hold us.
        const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
        if (fd.get() < 0) return invalid(fmt::format("{}: cannot be read: {}", path, cause(errno)));
        struct stat status {};
        if (::fstat(fd.get(), &status) != 0) return invalid(fmt::format("{}: {}", path, cause(errno)));
        if (!S_ISREG(status.st_mode)) {
            return invalid(fmt::format("{}: found {}, expected a file", path,
                                       S_ISDIR(status.st_mode) ? "a directory" : "something that is not a file"));
        }
        const auto size = static_cast<std::size_t>(status.st_size);
        if (size > kMaxFileBytes) {
            return invalid(fmt::format("{}: found {} bytes, expected at most {}", path, size, kMaxFileBytes));
        }
        total_ += size;
        if (total_ > kMaxTotalBytes) {
            return invalid(fmt::format("{}: keys, certificates and revocation lists have more than {} bytes together",
                                       path, kMaxTotalBytes));
        }
        SecretBytes bytes(size);
        std::size_t done = 0;
        while (done < size) {
            const auto n = ::read(fd.get(), bytes.room().data() + done, size - done);
            if (n < 0 && errno == EINTR) continue;
            if (n < 0) return invalid(fmt::format("{}: cannot be read: {}", path, cause(errno)));
            if (n == 0) break;
            done += static_cast<std::size_t>(n);
        }
        bytes.cut(done);
        return bytes;
    }

private:
    std::size_t total_ = 0;
};

/// The names in a directory in their order, Kubernetes' own apart.
Result<std::vector<std::string>> names_in(const std::string& directory) {
    std::error_code error;
    std::filesystem::directory_iterator entries(directory, error);
    std::vector<std::string> names;
    for (; !error && entries != std::filesystem::directory_iterator(); entries.increment(error)) {
        auto name = entries->path().filename().string();
        if (name.starts_with("..")) continue;
        if (names.size() == kMaxNames) {
            return invalid(fmt::format("{}: more than {} files", directory, kMaxNames));
        }
        names.push_back(std::move(name));
    }
    if (error) return invalid(fmt::format("{}: cannot be read: {}", directory, error.message()));
    std::sort(names.begin(), names.end());
    return names;
}

Result<void> read_all(Reader& reader, const std::string& directory, const std::string& prefix, TlsFiles& files) {
    N4B_TRY(const auto names, names_in(prefix.empty() ? directory : fmt::format("{}/{}", directory, prefix)));
    for (const auto& name : names) {
        const auto whole = prefix + name;
        const bool nested = prefix.empty() && (name == kTrustedDirectory || name == kRevokedDirectory);
        if (nested) {
            N4B_TRY_VOID(read_all(reader, directory, name + "/", files));
        } else if (has_meaning(whole)) {
            N4B_TRY(auto bytes, reader.read(fmt::format("{}/{}", directory, whole)));
            files.own.push_back({.name = whole, .bytes = std::move(bytes)});
        } else if (files.ignored.size() < kMaxIgnored) {
            files.ignored.push_back(whole);
        }
    }
    return {};
}

}  // namespace

SecretBytes::~SecretBytes() {
    OPENSSL_cleanse(bytes_.data(), bytes_.size());
}

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept {
    // The old bytes end in `other`, whose destructor overwrites them.
    bytes_.swap(other.bytes_);
    return *this;
}

void SecretBytes::cut(std::size_t size) {
    if (size >= bytes_.size()) return;
    OPENSSL_cleanse(bytes_.data() + size, bytes_.size() - size);
    bytes_.resize(size);
}

Result<TlsFiles> read_tls_files(const std::string& directory, const std::vector<std::string>& trust) {
    Reader reader;
    TlsFiles files;
    files.directory = directory;
    if (!directory.empty()) N4B_TRY_VOID(read_all(reader, directory, "", files));
    for (const auto& path : trust) {
        N4B_TRY(auto bytes, reader.read(path));
        files.trust.push_back({.name = path, .bytes = std::move(bytes)});
    }
    return files;
}

}  // namespace n4b::net
