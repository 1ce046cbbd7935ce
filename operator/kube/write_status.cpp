#include "operator/kube/write_status.hpp"

#include "common/base/json_object.hpp"
#include "operator/telemetry/log.hpp"

namespace n4b::kube {
namespace {

using base::ErrorCode;
using base::Json;
using base::Result;

constexpr std::size_t kMaxStatusBytes = std::size_t{3} << 19U;  // etcd refuses objects above 1.5 MiB.
constexpr std::size_t kCutMessage = 512;

/// The merge patch (RFC 7386) that turns one object into another; null where nothing differs. A null member of `after`
/// counts as absent, as in a merge patch.
Json difference(const Json& before, const Json& after) {
    Json patch;
    for (const auto& [key, value] : after.items()) {
        const auto old = before.find(key);
        if (old == before.end()) {
            if (!value.is_null()) patch[key] = value;
        } else if (old->is_object() && value.is_object()) {
            if (Json inner = difference(*old, value); !inner.is_null()) patch[key] = std::move(inner);
        } else if (*old != value) {
            patch[key] = value;
        }
    }
    for (const auto& [key, value] : before.items()) {
        if (!after.contains(key)) patch[key] = nullptr;
    }
    return patch;
}

std::string patch_text(const StatusTarget& target, const Json& status) {
    const Json patch{{"metadata", {{"resourceVersion", target.resource_version}, {"uid", target.uid}}},
                     {"status", status}};
    return patch.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void cut_messages(Json& status) {
    const auto conditions = status.find("conditions");
    if (conditions == status.end() || !conditions->is_array()) return;
    for (auto& condition : *conditions) {
        if (!condition.is_object()) continue;
        const auto message = condition.find("message");
        if (message == condition.end() || !message->is_string()) continue;
        auto& text = message->get_ref<std::string&>();
        if (text.size() <= kCutMessage) continue;
        std::size_t end = kCutMessage;
        // Bytes 10xxxxxx go on with a character of UTF-8.
        while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
        text.resize(end);
    }
}

Result<Json> parse_status(const std::string& text, std::string_view what) {
    N4B_TRY(Json json, base::parse_json(text, kMaxStatusBytes, what));
    if (!json.is_object()) return base::fail(ErrorCode::kInvalid, std::string(what) + ": no object");
    return json;
}

/// What 409 means: the same object in another state, or another object of the same name.
StatusWrite conflict_or_gone(Client& client, const StatusTarget& target) {
    std::string uid;
    const auto read = client.get(target.path, [&](const Json& object) {
        base::JsonObject(object, "").object("metadata", [&](base::JsonObject& metadata) {
            uid = metadata.value_or<std::string>("uid", "");
        });
    });
    if (!read) return read.error().code == ErrorCode::kNotFound ? StatusWrite::kGone : StatusWrite::kConflict;
    return uid.empty() || uid == target.uid ? StatusWrite::kConflict : StatusWrite::kGone;
}

/// One patch; nothing when the server refuses it for good.
Result<std::optional<StatusWrite>> send(Client& client, const StatusTarget& target, const Json& status) {
    const auto done = client.merge_patch(target.path + "/status", patch_text(target, status));
    if (done) return StatusWrite::kWritten;
    switch (done.error().code) {
        case ErrorCode::kNotFound:
            return StatusWrite::kGone;
        case ErrorCode::kConflict:
            return conflict_or_gone(client, target);
        case ErrorCode::kInvalid:
            telemetry::warn("a status is refused", {{"path", target.path}, {"error", done.error().message}});
            return std::nullopt;
        default:
            return base::fail(done.error());
    }
}

}  // namespace

Result<StatusWrite> write_status(Client& client, const StatusTarget& target, const std::string& status_json_before,
                                 const std::string& status_json, const std::string& conditions_only_json) {
    N4B_TRY(Json status, parse_status(status_json, "status"));
    if (!status_json_before.empty()) {
        N4B_TRY(const Json before, parse_status(status_json_before, "status as it was read"));
        status = difference(before, status);
        if (status.is_null()) return StatusWrite::kEqual;
    }
    N4B_TRY(const auto whole, send(client, target, status));
    if (whole) return *whole;
    N4B_TRY(Json conditions, parse_status(conditions_only_json, "conditions"));
    cut_messages(conditions);
    N4B_TRY(const auto part, send(client, target, conditions));
    if (part == StatusWrite::kWritten) return StatusWrite::kConditionsOnly;
    return part.value_or(StatusWrite::kRefused);
}

}  // namespace n4b::kube
