#include "backup-runner/archive/index.hpp"

#include <fmt/format.h>

#include "common/base/json_object.hpp"

namespace n4b::archive {
namespace {

using base::Json;
using base::JsonObject;
using base::Result;

struct LineWriter {
    Json operator()(const IndexHeader& header) const { return {{"type", "index"}, {"format", header.format}}; }
    Json operator()(const IndexFile& file) const {
        Json json{{"type", "file"},
                  {"path", file.path},
                  {"key", file.key},
                  {"bytes", file.stored.bytes},
                  {"storedBytes", file.stored.stored_bytes},
                  {"digest", file.stored.digest},
                  {"storedDigest", file.stored.stored_digest}};
        if (!file.patched.empty()) json["patched"] = file.patched;
        return json;
    }
    Json operator()(const IndexTransaction& transaction) const {
        return {{"type", "transaction"},
                {"id", transaction.id},
                {"offset", transaction.offset},
                {"latestTimeMs", transaction.latest_time_ms}};
    }
    Json operator()(const IndexEnd& end) const {
        return {{"type", "end"}, {"files", end.files}, {"transactions", end.transactions}};
    }
};

IndexFile read_file(JsonObject& object) {
    IndexFile file{.path = object.required<std::string>("path"), .key = object.required<std::string>("key")};
    file.stored = {.bytes = object.required<std::int64_t>("bytes"),
                   .stored_bytes = object.required<std::int64_t>("storedBytes"),
                   .digest = object.required<std::string>("digest"),
                   .stored_digest = object.required<std::string>("storedDigest")};
    if (object.has("patched")) file.patched = object.required<std::vector<std::string>>("patched");
    return file;
}

IndexLine read_line(JsonObject& object, const std::string& type) {
    if (type == "index") return IndexHeader{.format = object.required<std::int64_t>("format")};
    if (type == "file") return read_file(object);
    if (type == "transaction") {
        return IndexTransaction{.id = object.required<std::int64_t>("id"),
                                .offset = object.required<std::int64_t>("offset"),
                                .latest_time_ms = object.required<std::int64_t>("latestTimeMs")};
    }
    if (type == "end") {
        return IndexEnd{.files = object.required<std::int64_t>("files"),
                        .transactions = object.required<std::int64_t>("transactions")};
    }
    object.reject("type", "expected index, file, transaction or end");
    return IndexEnd{};
}

}  // namespace

std::string to_line(const IndexLine& line) {
    return std::visit(LineWriter{}, line).dump(-1, ' ', true, Json::error_handler_t::replace) + "\n";
}

Result<IndexLine> parse_index_line(std::string_view text) {
    const auto damaged = [](base::Error error) {
        error.reason = base::Reason::kArtifactDamaged;
        return base::fail(std::move(error));
    };
    auto document = base::parse_json(text, kMaxIndexLineBytes, "index");
    if (!document) return damaged(document.error());
    JsonObject object(*document, "");
    auto line = read_line(object, object.required<std::string>("type"));
    // The format is checked before the other fields, since another format may have other fields.
    const auto* header = std::get_if<IndexHeader>(&line);
    if (auto read = object.finish(); read && header != nullptr && header->format != kFormat) {
        return base::fail(
            base::ErrorCode::kFailedPrecondition, base::Reason::kArtifactNotSupported,
            fmt::format("index: written in format {}; this runner reads format {}", header->format, kFormat));
    }
    object.refuse_unknown();
    if (auto done = object.finish(); !done) return damaged(done.error().wrap("index"));
    return line;
}

}  // namespace n4b::archive
