#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backup-runner/s3/request.hpp"
#include "common/base/clock.hpp"
#include "common/base/result.hpp"

namespace n4b::s3 {

/// The bytes of a list's page that are read at most: 1,000 keys of 1,024 bytes, each encoded with three characters a
/// byte, and as much around them.
inline constexpr std::size_t kMaxListBytes = std::size_t{4} * 1024 * 1024;
/// The bytes of an error that are read; what lies beyond is cut off.
inline constexpr std::size_t kMaxErrorBytes = std::size_t{64} * 1024;

/// What came over the wire.
struct Reply {
    int status = 0;
    std::vector<Field> headers{};  ///< Names in lower case.
    std::string body{};            ///< Of an error or a list; what an object holds goes elsewhere.
};

/// Whether an HTTP status is one of success, 200 to 299.
constexpr bool is_success(int status) {
    return status >= 200 && status < 300;
}

/// Nothing: there is no such header. `name` in lower case.
std::optional<std::string_view> header_of(const Reply& reply, std::string_view name);

/// The storage's clock, by the reply's Date.
std::optional<base::SystemTime> time_of(const Reply& reply);

/// Seconds of Retry-After, or those until its date; nothing where there is no such header.
std::optional<std::chrono::milliseconds> retry_after_of(const Reply& reply);

struct ListedObject {
    std::string key{};  ///< From the bucket's root.
    std::int64_t bytes = 0;
    std::optional<base::SystemTime> modified{};
};

struct ListPage {
    std::vector<ListedObject> objects{};
    bool truncated = false;
    std::string continuation{};  ///< Where truncated; never empty then.
};

/// Invalid (StorageReplyInvalid): no ListBucketResult, keys outside `prefix`, sizes that are no numbers, or a
/// truncated page that doesn't say how to go on.
base::Result<ListPage> parse_list(std::string_view xml, std::string_view prefix);

/// The place of the bytes that a ranged GET brings, from Content-Range.
struct ContentRange {
    std::int64_t first = 0;
    std::int64_t last = 0;
    std::int64_t size = 0;  ///< Of the whole object.
};
std::optional<ContentRange> parse_content_range(std::string_view text);

/// The number in a header such as Content-Length. Nothing: anything else than digits, or beyond 2^63.
std::optional<std::int64_t> parse_bytes(std::string_view text);

/// What an error's document says; empty where it says nothing, or is none. Bounded and printable.
struct ErrorDocument {
    std::string code{};
    std::string message{};
    std::string region{};
    std::string endpoint{};
    std::string request_id{};
};
ErrorDocument parse_error(std::string_view xml);

}  // namespace n4b::s3
