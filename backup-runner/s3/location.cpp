#include "backup-runner/s3/location.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "backup-runner/s3/percent.hpp"

namespace n4b::s3 {
namespace {

using base::Result;

constexpr std::size_t kMinBucket = 3;
constexpr std::size_t kMaxBucket = 63;
constexpr std::size_t kMaxHost = 253;
/// Keys and prefix together stay below the 1,024 bytes that stores take.
constexpr std::size_t kMaxPrefix = 100;
constexpr std::size_t kMaxKey = 900;
constexpr std::chrono::days kLongestLock{36500};  // Amazon's limit.
constexpr char kDefaultRegion[] = "us-east-1";

tl::unexpected<base::Error> bad(std::string_view field, std::string_view found, std::string_view expected) {
    return base::fail(base::ErrorCode::kInvalid, base::Reason::kInvalidRunSpec,
                      fmt::format("{}: found \"{}\", expected {}", field, printable(found), expected));
}

bool is_alphanumeric(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool is_bucket(std::string_view name) {
    if (name.size() < kMinBucket || name.size() > kMaxBucket) return false;
    if (!is_alphanumeric(name.front()) || !is_alphanumeric(name.back())) return false;
    if (name.find("..") != std::string_view::npos) return false;
    return std::all_of(name.begin(), name.end(), [](char c) { return is_alphanumeric(c) || c == '.' || c == '-'; });
}

bool is_region(std::string_view name) {
    return !name.empty() && name.size() <= kMaxBucket &&
           std::all_of(name.begin(), name.end(), [](char c) { return is_alphanumeric(c) || c == '-'; });
}

struct Endpoint {
    std::string scheme;
    std::string host;  ///< With brackets around an IPv6 address.
    std::string port;  ///< With its colon; empty: the scheme's own.
};

bool is_host(std::string_view host) {
    if (host.empty() || host.size() > kMaxHost) return false;
    const bool bracketed = host.front() == '[' && host.back() == ']';
    if (bracketed) host = host.substr(1, host.size() - 2);
    const std::string_view more = bracketed ? ":.%" : ".-_";
    return !host.empty() && std::all_of(host.begin(), host.end(), [&](char c) {
        return is_alphanumeric(c) || (c >= 'A' && c <= 'Z') || more.find(c) != std::string_view::npos;
    });
}

Result<Endpoint> parse_endpoint(std::string_view field, std::string_view text) {
    constexpr char kExpected[] = "https://HOST or https://HOST:PORT, without a path";
    // What stands before an '@' may hold a password.
    if (text.find('@') != std::string_view::npos) return bad(field, "USER@HOST", kExpected);
    const auto end = text.find("://");
    if (end == std::string_view::npos) return bad(field, text, kExpected);
    Endpoint endpoint{.scheme = std::string(text.substr(0, end)), .host = {}, .port = {}};
    if (endpoint.scheme != "https" && endpoint.scheme != "http") return bad(field, text, kExpected);
    auto rest = text.substr(end + 3);
    if (rest.ends_with('/')) rest.remove_suffix(1);
    const auto bracket = rest.rfind(']');
    const auto colon = rest.find(':', bracket == std::string_view::npos ? 0 : bracket);
    endpoint.host = rest.substr(0, colon);
    if (!is_host(endpoint.host)) return bad(field, text, kExpected);
    if (colon == std::string_view::npos) return endpoint;
    const auto port = rest.substr(colon + 1);
    std::uint16_t number = 0;
    const auto [stop, error] = std::from_chars(port.data(), port.data() + port.size(), number);
    if (error != std::errc() || stop != port.data() + port.size() || number == 0) {
        return bad(field, text, "a port between 1 and 65535");
    }
    const bool usual = number == (endpoint.scheme == "https" ? 443 : 80);
    if (!usual) endpoint.port = fmt::format(":{}", number);
    return endpoint;
}

Result<void> check_scheme(std::string_view field, std::string_view text, const Endpoint& endpoint,
                          bool allow_insecure) {
    if (endpoint.scheme != "http" || allow_insecure) return {};
    return bad(field, text, "https://, or clear text to be allowed explicitly");
}

/// Whether a label can stand before it.
bool is_address(std::string_view host) {
    return host.front() == '[' ||
           std::all_of(host.begin(), host.end(), [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
}

Result<bool> choose_path_style(const LocationOptions& options, const Endpoint& endpoint) {
    const bool dotted = options.bucket.find('.') != std::string::npos;
    switch (options.addressing) {
        case Addressing::kPath:
            return true;
        case Addressing::kVirtualHost:
            if (is_address(endpoint.host))
                return bad("endpoint", endpoint.host, "a name, since the bucket is put before it");
            if (dotted && endpoint.scheme == "https") {
                return bad("bucket", options.bucket,
                           "no dots, or addressing by path: certificates cover one label only");
            }
            return false;
        case Addressing::kAutomatic:
            break;
    }
    const bool amazon = endpoint.host.ends_with(".amazonaws.com") || endpoint.host.ends_with(".amazonaws.com.cn");
    return !amazon || dotted;
}

}  // namespace

Result<void> check_key(std::string_view key) {
    const auto refuse = [&](std::string_view expected) { return bad("key", key, expected); };
    if (key.empty() || key.size() > kMaxKey) return refuse(fmt::format("1 to {} bytes", kMaxKey));
    for (std::size_t start = 0; start <= key.size();) {
        const auto end = std::min(key.find('/', start), key.size());
        const auto part = key.substr(start, end - start);
        if (part.empty() || part == "." || part == "..") return refuse("no empty component, \".\" or \"..\"");
        start = end + 1;
    }
    const bool controls = std::any_of(key.begin(), key.end(), [](char c) { return (c >= 0 && c < ' ') || c == 0x7f; });
    if (controls) return refuse("no control characters");
    return {};
}

Result<std::string> make_origin(std::string_view field, std::string_view text, bool allow_insecure) {
    N4B_TRY(const auto endpoint, parse_endpoint(field, text));
    N4B_TRY_VOID(check_scheme(field, text, endpoint, allow_insecure));
    return endpoint.scheme + "://" + endpoint.host + endpoint.port;
}

Result<Location> make_location(const LocationOptions& options) {
    if (!is_bucket(options.bucket)) {
        return bad("bucket", options.bucket, "3 to 63 of a-z, 0-9, '.' and '-', a letter or digit first and last");
    }
    const auto region = options.region.empty() ? std::string(kDefaultRegion) : options.region;
    if (!is_region(region)) return bad("region", region, "a name such as eu-central-1");
    if (options.endpoint.empty() && options.region.empty()) {
        return bad("region", "", "the bucket's region, since no endpoint is given");
    }
    const auto& tail = region.starts_with("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
    N4B_TRY(const auto endpoint,
            parse_endpoint("endpoint", options.endpoint.empty() ? fmt::format("https://s3.{}.{}", region, tail)
                                                                : options.endpoint));
    N4B_TRY_VOID(check_scheme("endpoint", options.endpoint, endpoint, options.allow_insecure));
    auto prefix = options.prefix;
    if (prefix.ends_with('/')) prefix.pop_back();
    if (!prefix.empty()) {
        if (prefix.size() > kMaxPrefix) return bad("prefix", prefix, fmt::format("at most {} bytes", kMaxPrefix));
        if (!check_key(prefix)) {
            return bad("prefix", options.prefix, "names with '/' between, none empty, \".\" or \"..\"");
        }
        prefix += '/';
    }
    if (!options.kms_key_id.empty() && options.encryption != Encryption::kKms) {
        return bad("KMS key id", options.kms_key_id, "encryption aws:kms with it");
    }
    const bool key_id_fits =
        std::all_of(options.kms_key_id.begin(), options.kms_key_id.end(), [](char c) { return c > ' ' && c <= '~'; });
    if (!key_id_fits) return bad("KMS key id", options.kms_key_id, "printable ASCII without spaces");
    if (options.lock.mode != LockMode::kNone &&
        (options.lock.time < std::chrono::days(1) || options.lock.time > kLongestLock)) {
        return bad("object lock", std::to_string(options.lock.time.count()),
                   fmt::format("1 to {} days", kLongestLock.count()));
    }
    N4B_TRY(const bool path_style, choose_path_style(options, endpoint));
    return Location{.scheme = endpoint.scheme,
                    .host = (path_style ? "" : options.bucket + ".") + endpoint.host + endpoint.port,
                    .bucket = options.bucket,
                    .prefix = prefix,
                    .region = region,
                    .path_style = path_style,
                    .encryption = options.encryption,
                    .kms_key_id = options.kms_key_id,
                    .lock = options.lock};
}

}  // namespace n4b::s3
