#include "common/contract/progress.hpp"

#include "common/base/json_object.hpp"

namespace n4b::contract {
namespace {

constexpr std::size_t kMaxProgressBytes = 4096;

}  // namespace

std::string to_json(const Progress& progress) {
    base::Json json{{"runUid", progress.run_uid}, {"attempt", progress.attempt}, {"phase", progress.phase},
                    {"files", progress.files},    {"bytes", progress.bytes},     {"rate", progress.rate}};
    if (progress.total_bytes) json["totalBytes"] = *progress.total_bytes;
    if (progress.remaining) json["remainingSeconds"] = progress.remaining->count();
    return json.dump();
}

base::Result<Progress> parse_progress(std::string_view json) {
    N4B_TRY(const base::Json document, base::parse_json(json, kMaxProgressBytes, "progress"));
    base::JsonObject object(document, "");
    Progress progress{.run_uid = object.required<std::string>("runUid"),
                      .attempt = object.required<std::int64_t>("attempt"),
                      .phase = object.required<std::string>("phase"),
                      .files = object.required<std::int64_t>("files"),
                      .bytes = object.required<std::int64_t>("bytes"),
                      .rate = object.value_or<std::int64_t>("rate", 0),
                      .total_bytes = object.optional<std::int64_t>("totalBytes")};
    if (const auto left = object.optional<std::int64_t>("remainingSeconds")) {
        progress.remaining = std::chrono::seconds(*left);
    }
    if (auto done = object.finish(); !done) return base::fail(done.error().wrap("progress"));
    return progress;
}

}  // namespace n4b::contract
