#include "backup-runner/s3/digest.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>

#include "common/base/check.hpp"
#include "common/base/hex.hpp"

namespace n4b::s3 {

std::string sha256_hex(std::span<const std::byte> bytes) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned length = 0;
    N4B_CHECK(EVP_Digest(bytes.data(), bytes.size(), digest.data(), &length, EVP_sha256(), nullptr) == 1,
              "OpenSSL has no SHA-256");
    return base::to_hex(std::as_bytes(std::span(digest.data(), length)));
}

std::string sha256_hex(std::string_view text) {
    return sha256_hex(std::as_bytes(std::span(text)));
}

std::string md5_base64(std::span<const std::byte> bytes) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned length = 0;
    N4B_CHECK(EVP_Digest(bytes.data(), bytes.size(), digest.data(), &length, EVP_md5(), nullptr) == 1,
              "OpenSSL has no MD5, which object lock needs");
    std::array<unsigned char, 2 * EVP_MAX_MD_SIZE> text{};
    const int written = EVP_EncodeBlock(text.data(), digest.data(), static_cast<int>(length));
    return {reinterpret_cast<const char*>(text.data()), static_cast<std::size_t>(written)};
}

std::string hmac_sha256(std::string_view key, std::string_view text) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned length = 0;
    N4B_CHECK(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
                   reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(), &length) != nullptr,
              "OpenSSL has no HMAC");
    return {reinterpret_cast<const char*>(digest.data()), length};
}

}  // namespace n4b::s3
