#include "operator/kinds/backup/copied_from.hpp"

#include <charconv>

#include "operator/api/read_meta.hpp"

namespace n4b::backup {
namespace {

using base::Json;
using base::JsonObject;

constexpr char kUnknown[] = "Unknown";
constexpr std::size_t kMaxChoice = 512;

std::optional<std::int64_t> read_lag(JsonObject& object) {
    const auto text = object.value_or<std::string>("lag", kUnknown);
    if (text == kUnknown) return std::nullopt;
    std::int64_t lag = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), lag);
    if (error == std::errc() && end == text.data() + text.size()) return lag;
    object.reject("lag", "neither a number nor Unknown");
    return std::nullopt;
}

std::optional<std::chrono::milliseconds> read_span(JsonObject& object, const char* key) {
    const auto span = object.optional<std::int64_t>(key);
    return span ? std::optional(std::chrono::milliseconds(*span)) : std::nullopt;
}

}  // namespace

Json copied_from_json(const contract::SourceReport& s) {
    Json json{{"address", s.address},
              {"role", to_string(s.role)},
              {"storeId", s.store_id},
              {"lastTransaction", s.last_transaction},
              {"lag", s.lag ? std::to_string(*s.lag) : kUnknown}};
    // null: a merge patch keeps what is left out, and that would be an earlier source's.
    json["member"] = s.member.empty() ? Json() : Json(s.member);
    json["newestKnownTransaction"] = s.newest_known_transaction ? Json(*s.newest_known_transaction) : Json();
    json["choice"] = s.choice.empty() ? Json() : Json(s.choice.substr(0, kMaxChoice));
    json["prepareMs"] = s.prepare ? Json(s.prepare->count()) : Json();
    json["checkpointLockMs"] = s.checkpoint_lock ? Json(s.checkpoint_lock->count()) : Json();
    return json;
}

contract::SourceReport read_copied_from(JsonObject& object) {
    return {.address = object.value_or<std::string>("address", ""),
            .store_id = object.value_or<std::string>("storeId", ""),
            .last_transaction = object.value_or<std::int64_t>("lastTransaction", 0),
            .member = object.value_or<std::string>("member", ""),
            .role = contract::parse_member_role(object.value_or<std::string>("role", "")),
            .newest_known_transaction = object.optional<std::int64_t>("newestKnownTransaction"),
            .lag = read_lag(object),
            .choice = object.value_or<std::string>("choice", ""),
            .prepare = read_span(object, "prepareMs"),
            .checkpoint_lock = read_span(object, "checkpointLockMs")};
}

Json tls_json(const contract::TlsReport& tls) {
    const auto time_or_null = [](const auto& time) { return time ? Json(base::format_rfc3339(*time)) : Json(); };
    return {{"version", tls.version},
            {"cipher", tls.cipher},
            {"clientCertificateDemanded", tls.client_certificate_requested},
            {"certificateExpires", time_or_null(tls.certificate_expires)},
            {"serverCertificateExpires", time_or_null(tls.server_certificate_expires)}};
}

contract::TlsReport read_tls_report(JsonObject& object) {
    return {.version = object.value_or<std::string>("version", ""),
            .cipher = object.value_or<std::string>("cipher", ""),
            .client_certificate_requested = object.value_or("clientCertificateDemanded", false),
            .certificate_expires = api::read_time(object, "certificateExpires"),
            .server_certificate_expires = api::read_time(object, "serverCertificateExpires")};
}

}  // namespace n4b::backup
