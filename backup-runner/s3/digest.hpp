#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace n4b::s3 {

/// 64 lower-case hexadecimal digits.
std::string sha256_hex(std::span<const std::byte> bytes);
std::string sha256_hex(std::string_view text);

/// MD5 in base64, as the header Content-MD5 has it: no more than a check of what was transferred.
std::string md5_base64(std::span<const std::byte> bytes);

/// HMAC with SHA-256: 32 raw bytes.
std::string hmac_sha256(std::string_view key, std::string_view text);

}  // namespace n4b::s3
