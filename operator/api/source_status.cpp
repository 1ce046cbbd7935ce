#include "operator/api/source_status.hpp"

#include <charconv>

#include "operator/api/read_meta.hpp"

namespace n4b::api {
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

Json source_json(const contract::SourceReport& s) {
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

contract::SourceReport read_source_report(JsonObject& object) {
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

Json progress_json(const RunProgress& p) {
    return {{"bytes", p.bytes},
            {"files", p.files},
            {"rate", p.rate},
            {"phase", p.phase},
            {"observedTime", base::format_rfc3339(p.observed)}};
}

RunProgress read_progress(JsonObject& object) {
    return {.bytes = object.value_or<std::int64_t>("bytes", 0),
            .files = object.value_or<std::int64_t>("files", 0),
            .rate = object.value_or<std::int64_t>("rate", 0),
            .phase = object.value_or<std::string>("phase", ""),
            .observed = read_time(object, "observedTime").value_or(base::SystemTime{})};
}

}  // namespace n4b::api
