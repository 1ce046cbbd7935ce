#include "common/contract/run_report.hpp"

#include <algorithm>

#include "common/base/json_object.hpp"
#include "common/base/rfc3339.hpp"

namespace n4b::contract {
namespace {

using base::Json;
using base::JsonObject;

constexpr std::int64_t kRunReportVersion = 1;
constexpr std::size_t kMaxPassedOver = 8;
constexpr std::size_t kMaxPassedOverMessage = 160;

Json source_json(const SourceReport& s) {
    Json json{{"address", s.address},
              {"storeId", s.store_id},
              {"lastTransaction", s.last_transaction},
              {"role", to_string(s.role)}};
    if (!s.member.empty()) json["member"] = s.member;
    if (s.newest_known_transaction) json["newestKnownTransaction"] = *s.newest_known_transaction;
    if (s.lag) json["lag"] = *s.lag;
    if (!s.choice.empty()) json["choice"] = s.choice;
    if (s.prepare) json["prepareMs"] = s.prepare->count();
    if (s.checkpoint_lock) json["checkpointLockMs"] = s.checkpoint_lock->count();
    return json;
}

std::optional<std::chrono::milliseconds> read_span(JsonObject& object, const char* key) {
    const auto span = object.optional<std::int64_t>(key);
    return span ? std::optional(std::chrono::milliseconds(*span)) : std::nullopt;
}

SourceReport read_source(JsonObject& object) {
    SourceReport s{.address = object.required<std::string>("address"),
                   .store_id = object.required<std::string>("storeId"),
                   .last_transaction = object.required<std::int64_t>("lastTransaction")};
    s.member = object.value_or<std::string>("member", "");
    s.role = parse_member_role(object.value_or<std::string>("role", ""));
    s.newest_known_transaction = object.optional<std::int64_t>("newestKnownTransaction");
    s.lag = object.optional<std::int64_t>("lag");
    s.choice = object.value_or<std::string>("choice", "");
    s.prepare = read_span(object, "prepareMs");
    s.checkpoint_lock = read_span(object, "checkpointLockMs");
    return s;
}

Json passed_over_json(const PassedOver& p) {
    Json json{{"address", p.address},
              {"reason", to_string(p.reason)},
              {"message", p.message.substr(0, kMaxPassedOverMessage)}};
    if (!p.member.empty()) json["member"] = p.member;
    return json;
}

PassedOver read_passed_over(JsonObject& object) {
    return {.address = object.required<std::string>("address"),
            .member = object.value_or<std::string>("member", ""),
            .reason = base::parse_reason(object.required<std::string>("reason")).value_or(base::Reason::kInternalError),
            .message = object.value_or<std::string>("message", "")};
}

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

std::string dump(const RunReport& report, std::string_view message, std::size_t passed_over) {
    Json json{{"schemaVersion", kRunReportVersion}, {"reason", to_string(report.reason)}, {"message", message},
              {"runUid", report.run_uid},           {"attempt", report.attempt},          {"adopted", report.adopted}};
    if (report.source) {
        json["source"] = source_json(*report.source);
    }
    if (report.tls) json["tls"] = tls_json(*report.tls);
    if (report.artifact) json["artifact"] = artifact_json(*report.artifact);
    for (std::size_t i = 0; i < passed_over; ++i) json["passedOver"].push_back(passed_over_json(report.passed_over[i]));
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

std::string_view to_string(MemberRole role) {
    switch (role) {
        case MemberRole::kUnknown:
            return "Unknown";
        case MemberRole::kCore:
            return "Core";
        case MemberRole::kReadReplica:
            return "ReadReplica";
    }
    return "Unknown";
}

MemberRole parse_member_role(std::string_view name) {
    for (const auto role : {MemberRole::kCore, MemberRole::kReadReplica}) {
        if (name == to_string(role)) return role;
    }
    return MemberRole::kUnknown;
}

std::string to_json(const RunReport& report) {
    std::size_t passed_over = std::min(report.passed_over.size(), kMaxPassedOver);
    std::string text = dump(report, report.message, passed_over);
    while (text.size() > kMaxRunReportBytes && passed_over > 0) text = dump(report, report.message, --passed_over);
    std::string_view message = report.message;
    // Escapes make one byte up to six (invalid UTF-8 becomes \ufffd), so shorten until it fits.
    while (text.size() > kMaxRunReportBytes && !message.empty()) {
        const std::size_t excess = (text.size() - kMaxRunReportBytes) / 6 + 1;
        message = message.substr(0, message.size() - std::min(excess, message.size()));
        text = dump(report, message, passed_over);
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
    object.object("source", [&](JsonObject& source) { report.source = read_source(source); });
    object.each("passedOver", [&](JsonObject& one) { report.passed_over.push_back(read_passed_over(one)); });
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
