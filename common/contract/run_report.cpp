#include "common/contract/run_report.hpp"

#include <algorithm>

#include "common/base/json_object.hpp"
#include "common/base/rfc3339.hpp"

namespace n4b::contract {
namespace {

using base::Json;
using base::JsonObject;

constexpr std::int64_t kRunReportVersion = 1;

Json artifact_json(const ArtifactReport& a) {
    Json json{{"database", a.database},
              {"chain", a.chain},
              {"sequence", a.sequence},
              {"artifact", a.artifact},
              {"location", a.location},
              {"kind", a.kind},
              {"lowestTransaction", a.lowest_transaction},
              {"highestTransaction", a.highest_transaction},
              {"earliestRestorable", a.earliest_restorable},
              {"files", a.files},
              {"bytes", a.bytes},
              {"storedBytes", a.stored_bytes},
              {"digest", a.digest},
              {"level", a.level}};
    if (a.recoverable_to) json["recoverableTo"] = base::format_rfc3339(*a.recoverable_to);
    return json;
}

Json tls_json(const TlsReport& tls) {
    Json json{{"version", tls.version},
              {"cipher", tls.cipher},
              {"verification", tls.verification},
              {"clientCertificateRequested", tls.client_certificate_requested}};
    if (tls.certificate_expires) json["certificateExpires"] = base::format_rfc3339(*tls.certificate_expires);
    if (tls.server_certificate_expires) {
        json["serverCertificateExpires"] = base::format_rfc3339(*tls.server_certificate_expires);
    }
    return json;
}

std::string dump(const RunReport& report, std::string_view message) {
    Json json{{"schemaVersion", kRunReportVersion}, {"reason", to_string(report.reason)}, {"message", message},
              {"runUid", report.run_uid},           {"attempt", report.attempt},          {"adopted", report.adopted}};
    if (report.source) {
        json["source"] = {{"address", report.source->address},
                          {"storeId", report.source->store_id},
                          {"lastTransaction", report.source->last_transaction}};
    }
    if (report.tls) json["tls"] = tls_json(*report.tls);
    if (report.artifact) json["artifact"] = artifact_json(*report.artifact);
    return json.dump(-1, ' ', true, Json::error_handler_t::replace);
}

std::optional<base::SystemTime> read_time(JsonObject& object, const char* key) {
    const auto text = object.optional<std::string>(key);
    if (!text) return std::nullopt;
    const auto time = base::parse_rfc3339(*text);
    if (time) return *time;
    object.reject(key, time.error().message);
    return std::nullopt;
}

ArtifactReport read_artifact(JsonObject& object) {
    ArtifactReport a;
    a.database = object.required<std::string>("database");
    a.chain = object.required<std::string>("chain");
    a.sequence = object.required<std::int64_t>("sequence");
    a.artifact = object.required<std::string>("artifact");
    a.location = object.required<std::string>("location");
    a.kind = object.required<std::string>("kind");
    a.lowest_transaction = object.required<std::int64_t>("lowestTransaction");
    a.highest_transaction = object.required<std::int64_t>("highestTransaction");
    a.earliest_restorable = object.required<std::int64_t>("earliestRestorable");
    a.files = object.required<std::int64_t>("files");
    a.bytes = object.required<std::int64_t>("bytes");
    a.stored_bytes = object.required<std::int64_t>("storedBytes");
    a.digest = object.required<std::string>("digest");
    a.level = object.required<std::string>("level");
    a.recoverable_to = read_time(object, "recoverableTo");
    return a;
}

}  // namespace

std::string to_json(const RunReport& report) {
    std::string text = dump(report, report.message);
    std::string_view message = report.message;
    // Escapes make one byte up to six (invalid UTF-8 becomes \ufffd), so shorten until it fits.
    while (text.size() > kMaxRunReportBytes && !message.empty()) {
        const std::size_t excess = (text.size() - kMaxRunReportBytes) / 6 + 1;
        message = message.substr(0, message.size() - std::min(excess, message.size()));
        text = dump(report, message);
    }
    return text;
}

base::Result<RunReport> parse_run_report(std::string_view json) {
    N4B_TRY(const Json document, base::parse_json(json, kMaxRunReportBytes, "RunReport"));
    JsonObject object(document, "");
    RunReport report;
    if (const auto version = object.required<std::int64_t>("schemaVersion"); version != kRunReportVersion) {
        object.reject("schemaVersion", fmt::format("found {}, expected {}", version, kRunReportVersion));
    }
    const auto name = object.required<std::string>("reason");
    if (const auto reason = base::parse_reason(name)) {
        report.reason = *reason;
    } else {
        object.reject("reason", "not in the list of reasons");
    }
    report.message = object.required<std::string>("message");
    report.run_uid = object.required<std::string>("runUid");
    report.attempt = object.required<std::int64_t>("attempt");
    report.adopted = object.value_or("adopted", false);
    object.object("source", [&](JsonObject& source) {
        report.source = SourceReport{.address = source.required<std::string>("address"),
                                     .store_id = source.required<std::string>("storeId"),
                                     .last_transaction = source.required<std::int64_t>("lastTransaction")};
    });
    object.object("tls", [&](JsonObject& tls) {
        report.tls = TlsReport{.version = tls.required<std::string>("version"),
                               .cipher = tls.required<std::string>("cipher"),
                               .verification = tls.value_or<std::string>("verification", ""),
                               .client_certificate_requested = tls.value_or("clientCertificateRequested", false),
                               .certificate_expires = read_time(tls, "certificateExpires"),
                               .server_certificate_expires = read_time(tls, "serverCertificateExpires")};
    });
    object.object("artifact", [&](JsonObject& artifact) { report.artifact = read_artifact(artifact); });
    if (auto done = object.finish(); !done) return base::fail(done.error().wrap("RunReport"));
    return report;
}

}  // namespace n4b::contract
