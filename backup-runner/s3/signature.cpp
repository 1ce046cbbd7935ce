#include "backup-runner/s3/signature.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "backup-runner/s3/digest.hpp"
#include "backup-runner/s3/percent.hpp"
#include "common/base/hex.hpp"
#include "common/base/rfc3339.hpp"

namespace n4b::s3 {
namespace {

constexpr std::size_t kDayLength = sizeof "YYYYMMDD" - 1;

std::vector<Field> sorted(std::vector<Field> headers) {
    std::sort(headers.begin(), headers.end(), [](const Field& a, const Field& b) { return a.name < b.name; });
    return headers;
}

std::string joined_names(const std::vector<Field>& headers) {
    std::string names;
    for (const auto& header : headers) names += (names.empty() ? "" : ";") + header.name;
    return names;
}

std::string_view trimmed(std::string_view value) {
    const auto first = value.find_first_not_of(' ');
    if (first == std::string_view::npos) return {};
    return value.substr(first, value.find_last_not_of(' ') - first + 1);
}

}  // namespace

std::string amz_date(base::SystemTime time) {
    auto text = base::format_rfc3339(time);
    std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
    return text;
}

std::string canonical_query(const std::vector<Field>& query) {
    std::vector<Field> encoded;
    encoded.reserve(query.size());
    for (const auto& [name, value] : query) {
        encoded.push_back({percent_encode(name, Slash::kEncode), percent_encode(value, Slash::kEncode)});
    }
    std::sort(encoded.begin(), encoded.end(),
              [](const Field& a, const Field& b) { return a.name == b.name ? a.value < b.value : a.name < b.name; });
    std::string joined;
    for (const auto& [name, value] : encoded) {
        joined += fmt::format("{}{}={}", joined.empty() ? "" : "&", name, value);
    }
    return joined;
}

std::string canonical_request(const Signable& request) {
    const auto headers = sorted(request.headers);
    std::string lines;
    for (const auto& [name, value] : headers) lines += fmt::format("{}:{}\n", name, trimmed(value));
    return fmt::format("{}\n{}\n{}\n{}\n{}\n{}", request.method, request.path, canonical_query(request.query), lines,
                       joined_names(headers), request.payload_hash);
}

std::string authorization(const Signable& request, const Credentials& credentials, std::string_view region,
                          std::string_view date) {
    const auto day = date.substr(0, kDayLength);
    const auto scope = fmt::format("{}/{}/s3/aws4_request", day, region);
    const auto to_sign =
        fmt::format("AWS4-HMAC-SHA256\n{}\n{}\n{}", date, scope, sha256_hex(canonical_request(request)));
    auto key = "AWS4" + credentials.secret;
    for (const std::string_view part : {day, region, std::string_view("s3"), std::string_view("aws4_request")}) {
        key = hmac_sha256(key, part);
    }
    const auto signature = hmac_sha256(key, to_sign);
    return fmt::format("AWS4-HMAC-SHA256 Credential={}/{}, SignedHeaders={}, Signature={}", credentials.key_id, scope,
                       joined_names(sorted(request.headers)), base::to_hex(std::as_bytes(std::span(signature))));
}

}  // namespace n4b::s3
