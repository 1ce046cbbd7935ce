#include "backup-runner/s3/reply.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "backup-runner/s3/percent.hpp"
#include "backup-runner/s3/xml_reader.hpp"
#include "common/base/http_date.hpp"
#include "common/base/rfc3339.hpp"

namespace n4b::s3 {
namespace {

using base::Result;
using Event = XmlReader::Event;

/// Some stores may take max-keys for a hint; beyond this it is an attack on our memory.
constexpr std::size_t kMaxListed = 10'000;
constexpr std::int64_t kNoSize = -1;

bool is_complete(const ListedObject& object) {
    return !object.key.empty() && object.bytes != kNoSize;
}

tl::unexpected<base::Error> bad(std::string message) {
    return base::fail(base::ErrorCode::kInvalid, base::Reason::kStorageReplyInvalid, std::move(message));
}

/// A page as it is written: keys still encoded, since the element that says so may come last.
struct RawPage {
    ListPage page{};
    std::string encoding{};
    std::string is_truncated{};
};

Result<void> take_text(RawPage& raw, const XmlReader& xml) {
    constexpr std::string_view kObject = "ListBucketResult/Contents/";
    const std::string_view path = xml.path();
    if (path == "ListBucketResult/IsTruncated") {
        raw.is_truncated += xml.text();
    } else if (path == "ListBucketResult/NextContinuationToken") {
        raw.page.continuation += xml.text();
    } else if (path == "ListBucketResult/EncodingType") {
        raw.encoding += xml.text();
    }
    if (!path.starts_with(kObject)) return {};
    auto& object = raw.page.objects.back();
    const auto field = path.substr(kObject.size());
    if (field == "Key") {
        object.key += xml.text();
    } else if (field == "Size") {
        const auto bytes = parse_bytes(xml.text());
        if (!bytes)
            return bad(fmt::format("a listed object's Size: found \"{}\", expected a number", printable(xml.text())));
        object.bytes = *bytes;
    } else if (field == "LastModified") {
        const auto time = base::parse_rfc3339(xml.text());
        if (time) object.modified = *time;
    }
    return {};
}

Result<RawPage> read_page(std::string_view text) {
    RawPage raw;
    XmlReader xml(text);
    for (;;) {
        const auto event = xml.next();
        if (!event) return bad(event.error().message);
        if (*event == Event::kEnd) return raw;
        if (*event == Event::kOpen) {
            if (!xml.path().starts_with("ListBucketResult")) {
                return bad(fmt::format("found <{}>, expected <ListBucketResult>", printable(xml.path())));
            }
            if (xml.path() == "ListBucketResult/Contents") raw.page.objects.push_back({.bytes = kNoSize});
            if (raw.page.objects.size() > kMaxListed) {
                return bad(fmt::format("found more than {} keys in a page, expected at most 1000", kMaxListed));
            }
        }
        if (*event == Event::kText) N4B_TRY_VOID(take_text(raw, xml));
        if (*event == Event::kClose && xml.path() == "ListBucketResult/Contents" &&
            !is_complete(raw.page.objects.back())) {
            return bad("found a listed object without Key or Size");
        }
    }
}

}  // namespace

std::optional<std::string_view> header_of(const Reply& reply, std::string_view name) {
    for (const auto& header : reply.headers) {
        if (header.name == name) return header.value;
    }
    return std::nullopt;
}

std::optional<base::SystemTime> time_of(const Reply& reply) {
    const auto date = header_of(reply, "date");
    return date ? base::parse_http_date(*date) : std::nullopt;
}

std::optional<std::chrono::milliseconds> retry_after_of(const Reply& reply) {
    constexpr std::int64_t kDay = 86400;
    const auto text = header_of(reply, "retry-after");
    if (!text) return std::nullopt;
    if (const auto seconds = parse_bytes(*text)) return std::chrono::seconds(std::min(*seconds, kDay));
    const auto until = base::parse_http_date(*text);
    const auto now = time_of(reply);
    if (!until || !now) return std::nullopt;
    return std::clamp<std::chrono::milliseconds>(*until - *now, std::chrono::milliseconds(0),
                                                 std::chrono::seconds(kDay));
}

std::optional<std::int64_t> parse_bytes(std::string_view text) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || number < 0 || text.starts_with('-')) {
        return std::nullopt;
    }
    return number;
}

std::optional<ContentRange> parse_content_range(std::string_view text) {
    constexpr std::string_view kUnit = "bytes ";
    if (!text.starts_with(kUnit)) return std::nullopt;
    text.remove_prefix(kUnit.size());
    const auto dash = text.find('-');
    const auto slash = text.find('/');
    if (dash == std::string_view::npos || slash == std::string_view::npos || dash > slash) return std::nullopt;
    const auto first = parse_bytes(text.substr(0, dash));
    const auto last = parse_bytes(text.substr(dash + 1, slash - dash - 1));
    const auto size = parse_bytes(text.substr(slash + 1));
    if (!first || !last || !size || *first > *last || *last >= *size) return std::nullopt;
    return ContentRange{.first = *first, .last = *last, .size = *size};
}

Result<ListPage> parse_list(std::string_view text, std::string_view prefix) {
    N4B_TRY(auto raw, read_page(text));
    auto& page = raw.page;
    for (auto& object : page.objects) {
        if (raw.encoding == "url") {
            auto decoded = decode_listed(object.key);
            if (!decoded) return bad("a listed key: " + decoded.error().message);
            object.key = std::move(*decoded);
        }
        if (!object.key.starts_with(prefix)) {
            return bad(fmt::format("a listed key: found \"{}\", expected it to begin with \"{}\"",
                                   printable(object.key), printable(prefix)));
        }
    }
    page.truncated = raw.is_truncated == "true";
    if (page.truncated && page.continuation.empty()) {
        return bad("a truncated page has no NextContinuationToken");
    }
    return std::move(page);
}

ErrorDocument parse_error(std::string_view text) {
    ErrorDocument document;
    XmlReader xml(text);
    for (;;) {
        const auto event = xml.next();
        // An error that is cut off or no XML keeps what was read so far; its status tells the rest.
        if (!event || *event == Event::kEnd) return document;
        if (*event != Event::kText) continue;
        std::string_view path = xml.path();
        // The token service wraps its errors once more.
        if (path.starts_with("ErrorResponse/")) path.remove_prefix(sizeof "ErrorResponse/" - 1);
        const auto take = [&](std::string& into) { into = printable(xml.text()); };
        if (path == "Error/Code") take(document.code);
        if (path == "Error/Message") take(document.message);
        if (path == "Error/Region") take(document.region);
        if (path == "Error/Endpoint") take(document.endpoint);
        if (path == "Error/RequestId") take(document.request_id);
    }
}

}  // namespace n4b::s3
