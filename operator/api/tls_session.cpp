#include "operator/api/tls_session.hpp"

#include <charconv>

#include "operator/api/read_meta.hpp"

namespace n4b::api {
namespace {

using base::Json;
using base::JsonObject;
using base::time_or_null;

constexpr char kUnknown[] = "Unknown";

}  // namespace

Json tls_json(const contract::TlsReport& tls) {
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
            .certificate_expires = read_time(object, "certificateExpires"),
            .server_certificate_expires = read_time(object, "serverCertificateExpires")};
}

std::string lag_text(const std::optional<std::int64_t>& lag) {
    return lag ? std::to_string(*lag) : kUnknown;
}

std::optional<std::int64_t> read_lag(JsonObject& object) {
    const auto text = object.value_or<std::string>("lag", kUnknown);
    if (text == kUnknown) return std::nullopt;
    std::int64_t lag = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), lag);
    if (error == std::errc() && end == text.data() + text.size()) return lag;
    object.reject("lag", "neither a number nor Unknown");
    return std::nullopt;
}

}  // namespace n4b::api
