#include "operator/kinds/backup/copied_from.hpp"

#include "operator/api/tls_session.hpp"

namespace n4b::backup {
namespace {

using base::Json;
using base::JsonObject;

constexpr std::size_t kMaxChoice = 512;

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
              {"lag", api::lag_text(s.lag)}};
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
            .lag = api::read_lag(object),
            .choice = object.value_or<std::string>("choice", ""),
            .prepare = read_span(object, "prepareMs"),
            .checkpoint_lock = read_span(object, "checkpointLockMs")};
}

}  // namespace n4b::backup
