#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "common/base/result.hpp"

namespace n4b::s3 {

enum class Addressing {
    kAutomatic,    ///< By host for Amazon's own endpoints, by path for all others and for buckets with dots.
    kPath,         ///< https://endpoint/bucket/key
    kVirtualHost,  ///< https://bucket.endpoint/key
};

enum class Encryption {
    kNone,    ///< No header: what the bucket does by default.
    kAes256,  ///< x-amz-server-side-encryption: AES256
    kKms,     ///< x-amz-server-side-encryption: aws:kms, with kms_key_id where there is one.
};

enum class LockMode {
    kNone,        ///< No header: what the bucket does by default.
    kGovernance,  ///< Who has the permission may delete it sooner.
    kCompliance,  ///< Nobody may.
};

/// For how long each object that is stored can't be deleted or replaced.
struct ObjectLock {
    LockMode mode = LockMode::kNone;
    std::chrono::days time{};
};

/// Where a storage lies, as people write it.
struct LocationOptions {
    std::string endpoint{};  ///< https://HOST[:PORT]; empty: Amazon's endpoint of the region.
    std::string bucket{};
    std::string prefix{};  ///< Below which all keys lie; empty: the bucket's root.
    std::string region{};  ///< Empty: us-east-1, which most other stores take.
    Addressing addressing = Addressing::kAutomatic;
    Encryption encryption = Encryption::kNone;
    std::string kms_key_id{};
    ObjectLock lock{};
    bool allow_insecure = false;  ///< Lets an endpoint be http://.
};

/// The same, checked. Immutable by convention.
struct Location {
    std::string scheme{};  ///< "https" or "http"
    std::string host{};    ///< As in the header Host: of the bucket when it is addressed by host, with its port.
    std::string bucket{};
    std::string prefix{};  ///< Empty or ending in '/'.
    std::string region{};
    bool path_style = true;
    Encryption encryption = Encryption::kNone;
    std::string kms_key_id{};
    ObjectLock lock{};
};

/// "https://HOST" or "https://HOST:PORT" of an endpoint as people write it; `field` names it in messages. Invalid
/// (InvalidRunSpec): it is none, or http:// that is not allowed.
base::Result<std::string> make_origin(std::string_view field, std::string_view endpoint, bool allow_insecure);

/// Invalid (InvalidRunSpec): a field that can't be right; the message names it, what was found and what is expected.
base::Result<Location> make_location(const LocationOptions& options);

/// Whether every store takes it as a key: no empty component, "." or "..", no control characters, UTF-8 or not, at
/// most 900 bytes (stores take 1024, prefix included). Invalid (InvalidRunSpec).
base::Result<void> check_key(std::string_view key);

}  // namespace n4b::s3
