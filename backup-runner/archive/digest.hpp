#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace n4b::archive {

/// SHA-256 of a stream. Pure; one thread.
class Sha256 {
public:
    Sha256();
    ~Sha256();
    Sha256(Sha256&&) noexcept;
    Sha256& operator=(Sha256&&) noexcept;

    void update(std::span<const std::byte> bytes);

    /// "sha256:" and 64 hexadecimal digits. The object is of no use afterwards.
    std::string finish();

private:
    struct Context;
    std::unique_ptr<Context> context_;
};

/// The digest of bytes that are all there.
std::string sha256(std::span<const std::byte> bytes);

/// The hexadecimal digits of such a digest alone.
std::string digits_of(std::string_view digest);

}  // namespace n4b::archive
