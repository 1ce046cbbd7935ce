#include "backup-runner/archive/head.hpp"

#include <algorithm>
#include <span>

#include "backup-runner/archive/digest.hpp"
#include "common/base/json_object.hpp"
#include "common/base/rfc3339.hpp"

namespace n4b::archive {
namespace {

using base::Json;
using base::JsonObject;
using base::Result;

constexpr std::int64_t kLatestTime = 253'402'300'799'999;  ///< Of RFC 3339, in milliseconds since 1970.

Json point_json(const TransactionPoint& point) {
    Json json{{"id", point.id}, {"checksum", point.checksum}};
    // Milliseconds: the comparison of histories needs the commit time exactly.
    if (point.time) json["timeMs"] = point.time->time_since_epoch().count();
    return json;
}

TransactionPoint read_point(JsonObject& parent, const char* key) {
    TransactionPoint point;
    const bool found = parent.object(key, [&](JsonObject& object) {
        point.id = object.required<std::int64_t>("id");
        point.checksum = object.required<std::int64_t>("checksum");
        if (const auto time = object.optional<std::int64_t>("timeMs")) {
            if (*time < 0 || *time > kLatestTime) object.reject("timeMs", "no time before the year 10000");
            point.time = base::SystemTime(std::chrono::milliseconds(std::clamp<std::int64_t>(*time, 0, kLatestTime)));
        }
        object.refuse_unknown();
    });
    if (!found) parent.reject(key, "missing");
    return point;
}

base::SystemTime read_time(JsonObject& object, const char* key) {
    const auto time = base::parse_rfc3339(object.required<std::string>(key));
    if (!time) object.reject(key, time.error().message);
    return time.value_or(base::SystemTime{});
}

std::int64_t read_count(JsonObject& object, const char* key) {
    const auto value = object.required<std::int64_t>(key);
    if (value < 0) object.reject(key, "negative");
    return value;
}

void read_run(JsonObject& object, Head& head) {
    const bool run = object.object("run", [&](JsonObject& member) {
        head.run_uid = member.required<std::string>("uid");
        head.attempt = member.required<std::int64_t>("attempt");
        member.refuse_unknown();
    });
    if (!run) object.reject("run", "missing");
    object.object("origin", [&](JsonObject& member) {
        head.origin_namespace = member.required<std::string>("namespace");
        head.origin_name = member.required<std::string>("name");
        member.refuse_unknown();
    });
}

void read_index(JsonObject& object, Stored& index) {
    const bool found = object.object("index", [&](JsonObject& member) {
        index.bytes = read_count(member, "bytes");
        index.stored_bytes = read_count(member, "storedBytes");
        index.digest = member.required<std::string>("digest");
        index.stored_digest = member.required<std::string>("storedDigest");
        member.refuse_unknown();
    });
    if (!found) object.reject("index", "missing");
}

void read_body(JsonObject& object, Head& head) {
    head.kind = object.required<std::string>("kind");
    if (head.kind != "Full") object.reject("kind", "expected Full");
    head.source = object.required<std::string>("source");
    head.database = object.required<std::string>("database");
    head.chain = object.required<std::string>("chain");
    head.sequence = read_count(object, "sequence");
    read_run(object, head);
    head.address = object.required<std::string>("address");
    head.member = object.value_or<std::string>("member", "");
    head.role = object.value_or<std::string>("role", "");
    head.store_id = object.required<std::string>("storeId");
    head.store_version = object.required<std::string>("storeVersion");
    head.lowest = read_point(object, "lowestTransaction");
    head.highest = read_point(object, "highestTransaction");
    head.earliest_restorable = read_point(object, "earliestRestorable");
    head.files = read_count(object, "files");
    head.bytes = read_count(object, "bytes");
    head.stored_bytes = read_count(object, "storedBytes");
    head.objects = read_count(object, "objects");
    head.object_bytes = read_count(object, "objectBytes");
    head.encoding = object.required<std::string>("encoding");
    if (head.encoding != "none" && head.encoding != "zstd") object.reject("encoding", "expected none or zstd");
    read_index(object, head.index);
    head.runner_version = object.required<std::string>("runnerVersion");
    head.start = read_time(object, "start");
    head.end = read_time(object, "end");
}

std::string text_of(const Json& json) {
    return json.dump(2, ' ', true, Json::error_handler_t::replace);
}

/// Of a head without its digest: the same text on both sides, whatever white space the stored one has.
std::string digest_of(const Json& json) {
    const auto text = text_of(json);
    return sha256(std::as_bytes(std::span(text)));
}

/// What a head says of itself must be what was written: it decides which backup is restored, and of which database.
Result<void> check_digest(const Json& document, const std::string& digest) {
    Json body = document;
    body.erase("digest");
    if (digest_of(body) == digest) return {};
    return base::fail(base::ErrorCode::kDataLoss, base::Reason::kArtifactDamaged,
                      "head: its digest does not match what it says");
}

}  // namespace

std::string to_json(const Head& head) {
    Json json{
        {"format", kFormat},
        {"requires", Json::array()},
        {"kind", head.kind},
        {"source", head.source},
        {"database", head.database},
        {"chain", head.chain},
        {"sequence", head.sequence},
        {"run", {{"uid", head.run_uid}, {"attempt", head.attempt}}},
        {"address", head.address},
        {"storeId", head.store_id},
        {"storeVersion", head.store_version},
        {"lowestTransaction", point_json(head.lowest)},
        {"highestTransaction", point_json(head.highest)},
        {"earliestRestorable", point_json(head.earliest_restorable)},
        {"files", head.files},
        {"bytes", head.bytes},
        {"storedBytes", head.stored_bytes},
        {"objects", head.objects},
        {"objectBytes", head.object_bytes},
        {"encoding", head.encoding},
        {"index",
         {{"bytes", head.index.bytes},
          {"storedBytes", head.index.stored_bytes},
          {"digest", head.index.digest},
          {"storedDigest", head.index.stored_digest}}},
        {"runnerVersion", head.runner_version},
        {"start", base::format_rfc3339(head.start)},
        {"end", base::format_rfc3339(head.end)},
    };
    if (!head.origin_name.empty()) {
        json["origin"] = {{"namespace", head.origin_namespace}, {"name", head.origin_name}};
    }
    if (!head.member.empty()) json["member"] = head.member;
    if (!head.role.empty()) json["role"] = head.role;
    json["digest"] = digest_of(json);
    return text_of(json) + "\n";
}

Result<Head> parse_head(std::string_view json) {
    const auto damaged = [](base::Error error) {
        error.reason = base::Reason::kArtifactDamaged;
        return base::fail(std::move(error));
    };
    auto document = base::parse_json(json, kMaxHeadBytes, "head");
    if (!document) return damaged(document.error());
    JsonObject object(*document, "");
    Head head;
    // What a later format may need comes first: its other fields may be unknown here.
    const auto format = object.required<std::int64_t>("format");
    const auto features = object.required<std::vector<std::string>>("requires");
    if (auto begun = object.finish(); !begun) return damaged(begun.error().wrap("head"));
    if (format != kFormat || !features.empty()) {
        return base::fail(base::ErrorCode::kFailedPrecondition, base::Reason::kArtifactNotSupported,
                          fmt::format("head: written in format {}{}{}; this runner reads format {} without features",
                                      format, features.empty() ? "" : " with feature ",
                                      features.empty() ? "" : base::printable(features.front()), kFormat));
    }
    const auto digest = object.required<std::string>("digest");
    read_body(object, head);
    object.refuse_unknown();
    if (auto done = object.finish(); !done) return damaged(done.error().wrap("head"));
    N4B_TRY_VOID(check_digest(*document, digest));
    return head;
}

}  // namespace n4b::archive
