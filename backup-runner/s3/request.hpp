#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "backup-runner/s3/location.hpp"
#include "backup-runner/s3/signature.hpp"
#include "common/base/clock.hpp"

namespace n4b::s3 {

/// What is asked of the storage, before it is signed.
struct Operation {
    std::string_view name{};  ///< As policies have it: "PutObject".
    std::string method{};
    std::string key{};  ///< From the bucket's root; empty: the bucket itself.
    std::vector<Field> query{};
    std::vector<Field> headers{};  ///< Beyond those of every request; names in lower case.
    bool writes = false;
    bool conditional = false;  ///< Fails where the key is taken.
    bool stores = false;       ///< Makes an object, which the location may demand to be locked.
};

/// Where the next page of a listing starts.
struct PageStart {
    std::string after{};         ///< A key from the bucket's root; keys beyond it are listed.
    std::string continuation{};  ///< The token of the page before, which goes before `after`.
};

/// Keys are relative to the location's prefix, and checked (check_key).
Operation put_object(const Location& location, std::string_view key);
/// The same, only where nothing has the key.
Operation create_object(const Location& location, std::string_view key);
/// Bytes from `offset` on, at most `length` (at least 1).
Operation get_object(const Location& location, std::string_view key, std::int64_t offset, std::int64_t length);
Operation head_object(const Location& location, std::string_view key);
Operation delete_object(const Location& location, std::string_view key);
/// A page of at most `max_keys` keys that begin with `prefix`, which is relative to the location's.
Operation list_objects(const Location& location, std::string_view prefix, const PageStart& start, int max_keys);

/// What goes over the wire.
struct Request {
    std::string method{};
    std::string url{};
    std::vector<Field> headers{};
};

/// What is told of a body.
struct Payload {
    std::string sha256{};      ///< 64 hexadecimal digits.
    std::string md5_base64{};  ///< Needed where is_locked; else empty.
};

/// Whether the operation stores an object that is locked, for which S3 demands the header Content-MD5.
bool is_locked(const Location& location, const Operation& operation);

/// The one place where requests are made: endpoint, addressing, region and token hold for every operation.
/// Pure.
Request sign(const Location& location, const Operation& operation, const Payload& payload,
             const Credentials& credentials, base::SystemTime now);

/// "PutObject of KEY in bucket BUCKET", for messages.
std::string describe(const Location& location, const Operation& operation);

}  // namespace n4b::s3
