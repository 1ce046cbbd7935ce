#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.hpp"

namespace n4b::net {

/// Bytes that are overwritten before their memory is given back. Move-only; one thread.
class SecretBytes {
public:
    SecretBytes() = default;
    /// Zeros, to be written through room() and then cut.
    explicit SecretBytes(std::size_t size) : bytes_(size) {}
    explicit SecretBytes(std::string_view text) : bytes_(text.begin(), text.end()) {}
    ~SecretBytes();
    SecretBytes(SecretBytes&&) noexcept = default;
    SecretBytes& operator=(SecretBytes&&) noexcept;

    [[nodiscard]] std::span<char> room() { return bytes_; }
    /// Keeps the first `size` bytes.
    void cut(std::size_t size);
    [[nodiscard]] std::string_view view() const { return {bytes_.data(), bytes_.size()}; }

private:
    std::vector<char> bytes_{};
};

/// A file of a TLS directory, or a key of a mounted Secret.
struct TlsFile {
    std::string name;  ///< Within the directory, e.g. "private.key" or "trusted/ca.crt"; of a trust file its path.
    SecretBytes bytes;
};

/// Everything that a TLS client is made of, unparsed.
struct TlsFiles {
    std::string directory{};             ///< For messages; empty: there is none.
    std::vector<TlsFile> own{};          ///< The files of the directory that have a meaning.
    std::vector<std::string> ignored{};  ///< Names of the others, for messages.
    std::vector<TlsFile> trust{};
};

/// Reads the files of a directory that have a meaning (tls_material.hpp), and trust files. Names that start with ".."
/// are Kubernetes' own links and skipped. Bounded: 1 MiB a file, 2 MiB in all, 1000 names. Blocks on local files.
/// Invalid (TlsMaterialInvalid), naming directory and file.
base::Result<TlsFiles> read_tls_files(const std::string& directory, const std::vector<std::string>& trust);

}  // namespace n4b::net
