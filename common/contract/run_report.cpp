#include "common/contract/run_report.hpp"

#include <algorithm>

#include "common/base/json_time.hpp"
#include "common/base/rfc3339.hpp"
#include "common/contract/run_spec.hpp"

namespace n4b::contract {
namespace {

using base::Json;
using base::JsonObject;
using base::read_time;

constexpr std::int64_t kRunReportVersion = 1;
constexpr std::size_t kMaxPassedOver = 8;
constexpr std::size_t kMaxPassedOverMessage = 160;
/// Enough for the key of a head and two digests, which such messages tell.
constexpr std::size_t kMaxUnexpectedFullMessage = 600;
constexpr std::size_t kMaxMemberMessage = 160;
constexpr std::size_t kMaxWhy = 64;
constexpr std::size_t kMaxPruned = 100;  // More never fit.
constexpr std::size_t kMaxMembers = 32;  // As many as a RunSpec may name.

/// How much of a report is written.
struct Extent {
    std::string_view message;
    std::size_t passed_over = 0;
    std::size_t members = 0;
    std::size_t member_message = kMaxMemberMessage;
    std::size_t pruned = 0;
};

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
    if (a.chain_stored_bytes != 0) json["chainStoredBytes"] = a.chain_stored_bytes;
    if (a.restorable_from) json["restorableFrom"] = base::format_rfc3339(*a.restorable_from);
    if (a.recoverable_to) json["recoverableTo"] = base::format_rfc3339(*a.recoverable_to);
    if (a.current_at) json["currentAt"] = base::format_rfc3339(*a.current_at);
    if (a.verified_at) json["verifiedAt"] = base::format_rfc3339(*a.verified_at);
    return json;
}

Json session_json(const TlsReport& tls) {
    Json json{{"version", tls.version},
              {"cipher", tls.cipher},
              {"verification", tls.verification},
              {"clientCertificateRequested", tls.client_certificate_requested}};
    if (tls.certificate_expires) json["certificateExpires"] = base::format_rfc3339(*tls.certificate_expires);
    return json;
}

Json tls_json(const TlsReport& tls) {
    Json json = session_json(tls);
    if (tls.server_certificate_expires) {
        json["serverCertificateExpires"] = base::format_rfc3339(*tls.server_certificate_expires);
    }
    return json;
}

TlsReport read_tls(JsonObject& object) {
    return {.version = object.required<std::string>("version"),
            .cipher = object.required<std::string>("cipher"),
            .verification = object.value_or<std::string>("verification", ""),
            .client_certificate_requested = object.value_or("clientCertificateRequested", false),
            .certificate_expires = read_time(object, "certificateExpires"),
            .server_certificate_expires = read_time(object, "serverCertificateExpires")};
}

/// The place of a value in a list, where it is put when it is not there yet.
std::size_t place_in(Json& list, Json value) {
    const auto found = std::find(list.begin(), list.end(), value);
    const auto place = static_cast<std::size_t>(found - list.begin());
    if (found == list.end()) list.push_back(std::move(value));
    return place;
}

Json probe_json(const RunReport& report, const Extent& extent) {
    Json ids = Json::array();
    Json sessions = Json::array();
    Json members = Json::array();
    for (std::size_t i = 0; i < extent.members; ++i) {
        const auto& m = report.members[i];
        Json json{{"address", m.address}};
        if (!m.member.empty()) json["member"] = m.member;
        if (m.role != MemberRole::kUnknown) json["role"] = to_string(m.role);
        if (!m.store_id.empty()) json["storeId"] = place_in(ids, m.store_id);
        if (m.last_transaction != 0) json["lastTransaction"] = m.last_transaction;
        if (m.lag) json["lag"] = *m.lag;
        if (m.tls) json["tls"] = place_in(sessions, session_json(*m.tls));
        if (m.tls && m.tls->server_certificate_expires) {
            json["serverCertificateExpires"] = base::format_rfc3339(*m.tls->server_certificate_expires);
        }
        if (m.reason != base::Reason::kCompleted) json["reason"] = to_string(m.reason);
        const auto message = m.message.substr(0, extent.member_message);
        if (!message.empty()) json["message"] = message;
        members.push_back(std::move(json));
    }
    const auto left_out = report.members_left_out + static_cast<std::int64_t>(report.members.size() - extent.members);
    return {{"storeIds", ids}, {"tls", sessions}, {"members", members}, {"leftOut", left_out}};
}

/// The element that a member names by its place in a list of what members share; nothing when it names none.
template <typename T>
std::optional<T> shared(JsonObject& object, const char* key, const std::vector<T>& list) {
    const auto place = object.optional<std::int64_t>(key);
    if (!place) return std::nullopt;
    if (*place >= 0 && static_cast<std::size_t>(*place) < list.size()) return list[static_cast<std::size_t>(*place)];
    object.reject(key, fmt::format("{} is not a place in a list of {}", *place, list.size()));
    return std::nullopt;
}

base::Reason read_reason(JsonObject& object, base::Reason absent) {
    const auto name = object.optional<std::string>("reason");
    if (!name) return absent;
    return base::parse_reason(*name).value_or(base::Reason::kInternalError);
}

void read_probe(JsonObject& object, RunReport& report) {
    const auto ids = object.optional<std::vector<std::string>>("storeIds").value_or(std::vector<std::string>{});
    std::vector<TlsReport> sessions;
    object.each("tls", [&](JsonObject& tls) { sessions.push_back(read_tls(tls)); });
    object.each("members", [&](JsonObject& one) {
        MemberReport m{.address = one.required<std::string>("address"),
                       .member = one.value_or<std::string>("member", ""),
                       .role = parse_member_role(one.value_or<std::string>("role", "")),
                       .store_id = shared(one, "storeId", ids).value_or(""),
                       .last_transaction = one.value_or<std::int64_t>("lastTransaction", 0),
                       .lag = one.optional<std::int64_t>("lag"),
                       .tls = shared(one, "tls", sessions),
                       .reason = read_reason(one, base::Reason::kCompleted),
                       .message = one.value_or<std::string>("message", "")};
        if (m.tls) m.tls->server_certificate_expires = read_time(one, "serverCertificateExpires");
        report.members.push_back(std::move(m));
    });
    if (report.members.size() > kMaxMembers) object.reject("members", "more than 32");
    report.members_left_out = object.value_or<std::int64_t>("leftOut", 0);
    if (report.members_left_out < 0 || report.members_left_out > 1'000'000) {
        object.reject("leftOut", "expected 0 to 1000000");
    }
}

Json storage_json(const StorageReport& s) {
    Json json{{"exclusiveCreate", to_string(s.exclusive_create)},
              {"keepsVersions", s.keeps_versions},
              {"locksByItself", s.locks_by_itself},
              {"clockOffsetMs", s.clock_offset.count()}};
    if (s.free_bytes) json["freeBytes"] = *s.free_bytes;
    if (s.total_bytes) json["totalBytes"] = *s.total_bytes;
    return json;
}

std::optional<std::int64_t> read_bytes(JsonObject& object, const char* key) {
    const auto bytes = object.optional<std::int64_t>(key);
    if (bytes && *bytes < 0) object.reject(key, "negative");
    return bytes;
}

StorageReport read_storage(JsonObject& object) {
    StorageReport storage{.keeps_versions = object.value_or("keepsVersions", false),
                          .locks_by_itself = object.value_or("locksByItself", false),
                          .clock_offset = std::chrono::milliseconds(object.value_or<std::int64_t>("clockOffsetMs", 0)),
                          .free_bytes = read_bytes(object, "freeBytes"),
                          .total_bytes = read_bytes(object, "totalBytes")};
    const auto exclusive = object.required<std::string>("exclusiveCreate");
    for (const auto known : {ExclusiveCreate::kHeld, ExclusiveCreate::kIgnored, ExclusiveCreate::kRefused}) {
        if (exclusive != to_string(known)) continue;
        storage.exclusive_create = known;
        return storage;
    }
    object.reject("exclusiveCreate", "expected Held, Ignored or Refused");
    return storage;
}

Json catalogue_json(const CatalogueReport& catalogue) {
    return {{"chains", catalogue.chains},
            {"artifacts", catalogue.artifacts},
            {"leftOut", catalogue.left_out},
            {"pages", catalogue.pages},
            {"digest", catalogue.digest}};
}

CatalogueReport read_catalogue(JsonObject& object) {
    return {.chains = object.required<std::int64_t>("chains"),
            .artifacts = object.required<std::int64_t>("artifacts"),
            .left_out = object.required<std::int64_t>("leftOut"),
            .pages = object.required<std::int64_t>("pages"),
            .digest = object.required<std::string>("digest")};
}

Json up_to_date_json(const UpToDateReport& up_to_date) {
    Json json{{"chain", up_to_date.chain}, {"artifact", up_to_date.artifact}, {"transaction", up_to_date.transaction}};
    if (up_to_date.recoverable_to) json["recoverableTo"] = base::format_rfc3339(*up_to_date.recoverable_to);
    if (up_to_date.current_at) json["currentAt"] = base::format_rfc3339(*up_to_date.current_at);
    return json;
}

UpToDateReport read_up_to_date(JsonObject& object) {
    return {.chain = object.required<std::string>("chain"),
            .artifact = object.required<std::string>("artifact"),
            .transaction = object.required<std::int64_t>("transaction"),
            .recoverable_to = read_time(object, "recoverableTo"),
            .current_at = read_time(object, "currentAt")};
}

Json restored_json(const RestoredReport& restored) {
    Json json{{"chain", restored.chain},         {"artifact", restored.artifact},
              {"artifacts", restored.artifacts}, {"transaction", restored.transaction},
              {"files", restored.files},         {"bytes", restored.bytes}};
    if (restored.recoverable_to) json["recoverableTo"] = base::format_rfc3339(*restored.recoverable_to);
    return json;
}

RestoredReport read_restored(JsonObject& object) {
    return {.chain = object.required<std::string>("chain"),
            .artifact = object.required<std::string>("artifact"),
            .artifacts = object.required<std::int64_t>("artifacts"),
            .transaction = object.required<std::int64_t>("transaction"),
            .recoverable_to = read_time(object, "recoverableTo"),
            .files = object.required<std::int64_t>("files"),
            .bytes = object.required<std::int64_t>("bytes")};
}

UnexpectedFull read_unexpected_full(JsonObject& object) {
    UnexpectedFull full{.message = object.required<std::string>("message")};
    if (const auto reason = base::parse_reason(object.required<std::string>("reason"))) {
        full.reason = *reason;
    } else {
        object.reject("reason", "not in the list of reasons");
    }
    return full;
}

Json prune_json(const PruneReport& prune, std::size_t named) {
    Json chains = Json::array();
    for (std::size_t i = 0; i < named; ++i) {
        const auto& one = prune.chains[i];
        Json json{{"chain", one.chain}, {"fate", to_string(one.fate)}, {"storedBytes", one.stored_bytes}};
        if (!one.why.empty()) json["why"] = one.why.substr(0, kMaxWhy);
        chains.push_back(std::move(json));
    }
    const auto left_out = prune.left_out + static_cast<std::int64_t>(prune.chains.size() - named);
    Json json{{"chains", std::move(chains)}, {"leftOut", left_out},  {"stays", prune.stays},
              {"goes", prune.goes},          {"bytes", prune.bytes}, {"goingOn", prune.going_on}};
    if (prune.keeps_versions) json["keepsVersions"] = true;
    if (prune.wait_until) json["waitUntil"] = base::format_rfc3339(*prune.wait_until);
    return json;
}

PruneReport read_prune(JsonObject& object) {
    PruneReport prune{.left_out = object.required<std::int64_t>("leftOut"),
                      .stays = object.required<std::int64_t>("stays"),
                      .goes = object.required<std::int64_t>("goes"),
                      .bytes = object.required<std::int64_t>("bytes"),
                      .going_on = object.required<std::int64_t>("goingOn"),
                      .keeps_versions = object.value_or("keepsVersions", false),
                      .wait_until = read_time(object, "waitUntil")};
    object.each("chains", [&](JsonObject& one) {
        PrunedReport pruned{.chain = one.required<std::string>("chain"),
                            .why = one.value_or<std::string>("why", ""),
                            .stored_bytes = one.required<std::int64_t>("storedBytes")};
        if (const auto fate = parse_chain_fate(one.required<std::string>("fate"))) {
            pruned.fate = *fate;
        } else {
            one.reject("fate", "not in the list of fates");
        }
        prune.chains.push_back(std::move(pruned));
    });
    return prune;
}

std::string dump(const RunReport& report, const Extent& extent) {
    Json json{{"schemaVersion", kRunReportVersion}, {"reason", to_string(report.reason)}, {"message", extent.message},
              {"runUid", report.run_uid},           {"attempt", report.attempt},          {"adopted", report.adopted}};
    if (report.source) {
        json["source"] = source_json(*report.source);
    }
    if (report.tls) json["tls"] = tls_json(*report.tls);
    if (report.artifact) json["artifact"] = artifact_json(*report.artifact);
    if (report.up_to_date) json["upToDate"] = up_to_date_json(*report.up_to_date);
    if (const auto& full = report.unexpected_full) {
        json["unexpectedFull"] = {{"reason", to_string(full->reason)},
                                  {"message", full->message.substr(0, kMaxUnexpectedFullMessage)}};
    }
    if (report.restored) json["restored"] = restored_json(*report.restored);
    if (!report.repository.empty()) json["repository"] = report.repository;
    if (report.storage) json["storage"] = storage_json(*report.storage);
    if (report.catalogue) json["catalogue"] = catalogue_json(*report.catalogue);
    if (report.cleaned) json["cleaned"] = {{"artifacts", report.cleaned->artifacts}, {"bytes", report.cleaned->bytes}};
    if (report.prune) json["prune"] = prune_json(*report.prune, extent.pruned);
    for (std::size_t i = 0; i < extent.passed_over; ++i) {
        json["passedOver"].push_back(passed_over_json(report.passed_over[i]));
    }
    if (!report.members.empty() || report.members_left_out != 0) json["probe"] = probe_json(report, extent);
    return json.dump(-1, ' ', true, Json::error_handler_t::replace);
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
    a.chain_stored_bytes = object.value_or<std::int64_t>("chainStoredBytes", 0);
    a.restorable_from = read_time(object, "restorableFrom");
    a.recoverable_to = read_time(object, "recoverableTo");
    a.current_at = read_time(object, "currentAt");
    a.verified_at = read_time(object, "verifiedAt");
    return a;
}

}  // namespace

std::string_view to_string(ExclusiveCreate exclusive) {
    switch (exclusive) {
        case ExclusiveCreate::kHeld:
            return "Held";
        case ExclusiveCreate::kIgnored:
            return "Ignored";
        case ExclusiveCreate::kRefused:
            return "Refused";
    }
    return "Refused";
}

std::string_view to_string(ChainFate fate) {
    switch (fate) {
        case ChainFate::kStays:
            return "Stays";
        case ChainFate::kGoes:
            return "Goes";
        case ChainFate::kRemoved:
            return "Removed";
        case ChainFate::kWaiting:
            return "Waiting";
        case ChainFate::kHeld:
            return "Held";
        case ChainFate::kLocked:
            return "Locked";
        case ChainFate::kFailed:
            return "Failed";
    }
    return "Failed";
}

std::optional<ChainFate> parse_chain_fate(std::string_view name) {
    for (const auto fate : {ChainFate::kStays, ChainFate::kGoes, ChainFate::kRemoved, ChainFate::kWaiting,
                            ChainFate::kHeld, ChainFate::kLocked, ChainFate::kFailed}) {
        if (name == to_string(fate)) return fate;
    }
    return std::nullopt;
}

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
    Extent extent{.message = report.message,
                  .passed_over = std::min(report.passed_over.size(), kMaxPassedOver),
                  .members = std::min(report.members.size(), kMaxMembers),
                  .pruned = report.prune ? std::min(report.prune->chains.size(), kMaxPruned) : 0};
    std::string text = dump(report, extent);
    const auto too_long = [&] { return text.size() > kMaxRunReportBytes; };
    while (too_long() && extent.passed_over > 0) {
        --extent.passed_over;
        text = dump(report, extent);
    }
    while (too_long() && extent.members > 0 && extent.member_message > 0) {
        extent.member_message -= std::min<std::size_t>(extent.member_message, 20);
        text = dump(report, extent);
    }
    while (too_long() && extent.members > 0) {
        --extent.members;
        text = dump(report, extent);
    }
    while (too_long() && extent.pruned > kMostPruned) {
        --extent.pruned;
        text = dump(report, extent);
    }
    // Escapes make one byte up to six (invalid UTF-8 becomes \ufffd), so shorten until it fits.
    while (too_long() && !extent.message.empty()) {
        const std::size_t excess = (text.size() - kMaxRunReportBytes) / 6 + 1;
        extent.message.remove_suffix(std::min(excess, extent.message.size()));
        text = dump(report, extent);
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
    object.object("tls", [&](JsonObject& tls) { report.tls = read_tls(tls); });
    object.object("probe", [&](JsonObject& probe) { read_probe(probe, report); });
    object.object("artifact", [&](JsonObject& artifact) { report.artifact = read_artifact(artifact); });
    object.object("upToDate", [&](JsonObject& found) { report.up_to_date = read_up_to_date(found); });
    object.object("unexpectedFull", [&](JsonObject& full) { report.unexpected_full = read_unexpected_full(full); });
    object.object("restored", [&](JsonObject& restored) { report.restored = read_restored(restored); });
    report.repository = object.value_or<std::string>("repository", "");
    if (!report.repository.empty() && !is_uid(report.repository)) {
        object.reject("repository", "expected 1 to 64 of [0-9a-z-]");
    }
    object.object("storage", [&](JsonObject& storage) { report.storage = read_storage(storage); });
    object.object("catalogue", [&](JsonObject& found) { report.catalogue = read_catalogue(found); });
    object.object("cleaned", [&](JsonObject& cleaned) {
        report.cleaned = {.artifacts = cleaned.required<std::int64_t>("artifacts"),
                          .bytes = cleaned.required<std::int64_t>("bytes")};
    });
    object.object("prune", [&](JsonObject& prune) { report.prune = read_prune(prune); });
    if (auto done = object.finish(); !done) return base::fail(done.error().wrap("RunReport"));
    return report;
}

}  // namespace n4b::contract
