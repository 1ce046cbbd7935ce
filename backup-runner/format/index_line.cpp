#include "backup-runner/format/index_line.hpp"

#include <fmt/format.h>

#include <charconv>

#include "common/base/json_object.hpp"

namespace n4b::format {
namespace {

using base::Json;
using base::JsonObject;
using base::Result;

constexpr std::size_t kXxh3Digits = 16;

struct Writer {
    Json operator()(const OpenLine& line) const {
        Json open{{"try", line.number}};
        if (line.path) {
            open["path"] = *line.path;
        } else {
            open["log"] = true;
        }
        return {{"open", std::move(open)}};
    }
    Json operator()(const BlockDigest& block) const {
        return {{"block", {{"number", block.number}, {"bytes", block.bytes}, {"sha256", block.sha256}}}};
    }
    Json operator()(const Extent& extent) const {
        Json json{
            {"try", extent.number},  {"plainOffset", extent.plain_offset}, {"plainLength", extent.plain_length},
            {"block", extent.block}, {"blockOffset", extent.block_offset}, {"storedLength", extent.stored_length}};
        // A number of 64 bits would lose its last digits in jq and everywhere else where numbers are doubles.
        if (extent.xxh3) json["xxh3"] = fmt::format("{:016x}", *extent.xxh3);
        return {{"extent", std::move(json)}};
    }
    Json operator()(const DoneLine& line) const { return {{"done", {{"try", line.number}, {"bytes", line.bytes}}}}; }
    Json operator()(const TransactionGroup& group) const {
        return {{"transactions",
                 {{"first", group.first},
                  {"offset", group.offset},
                  {"latestTimeMs", group.latest_time_ms},
                  {"lengths", group.lengths}}}};
    }
};

std::int64_t read_number(JsonObject& object, const char* key, std::int64_t least, std::int64_t most = INT64_MAX) {
    const auto value = object.required<std::int64_t>(key);
    if (value < least || value > most) object.reject(key, fmt::format("expected {} to {}", least, most));
    return value;
}

OpenLine read_open(JsonObject& object) {
    OpenLine line{.number = read_number(object, "try", 1, kMaxTry), .path = object.optional<std::string>("path")};
    const bool log = object.value_or<bool>("log", false);
    if (log == line.path.has_value()) object.reject("path", "expected either a path or log");
    return line;
}

BlockDigest read_block(JsonObject& object) {
    BlockDigest block{.number = read_number(object, "number", 0, kMaxBlockNumber),
                      .bytes = read_number(object, "bytes", 1, kMostBlockBytes),
                      .sha256 = object.required<std::string>("sha256")};
    if (block.sha256.size() != 64) object.reject("sha256", "expected 64 hexadecimal digits");
    return block;
}

std::optional<std::uint64_t> read_xxh3(JsonObject& object) {
    const auto text = object.optional<std::string>("xxh3");
    if (!text) return std::nullopt;
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value, 16);
    if (error != std::errc() || end != text->data() + text->size() || text->size() != kXxh3Digits) {
        object.reject("xxh3", "expected 16 hexadecimal digits");
    }
    return value;
}

Extent read_extent(JsonObject& object) {
    const Extent extent{.number = read_number(object, "try", 1, kMaxTry),
                        .plain_offset = read_number(object, "plainOffset", 0, INT64_MAX / 2),
                        .plain_length = read_number(object, "plainLength", 1, INT64_MAX / 2),
                        .block = read_number(object, "block", 0, kMaxBlockNumber),
                        .block_offset = read_number(object, "blockOffset", 0, kMostBlockBytes),
                        .stored_length = read_number(object, "storedLength", 1, kMostBlockBytes),
                        .xxh3 = read_xxh3(object)};
    if (!extent.xxh3 && extent.plain_length != extent.stored_length) {
        object.reject("storedLength", "of plain bytes it is plainLength");
    }
    return extent;
}

DoneLine read_done(JsonObject& object) {
    return {.number = read_number(object, "try", 1, kMaxTry), .bytes = read_number(object, "bytes", 0)};
}

TransactionGroup read_group(JsonObject& object) {
    TransactionGroup group{.first = read_number(object, "first", 0),
                           .offset = read_number(object, "offset", 0),
                           .latest_time_ms = object.required<std::int64_t>("latestTimeMs")};
    const auto* lengths = object.raw("lengths");
    if (lengths == nullptr || !lengths->is_array() || lengths->empty() || lengths->size() > kMaxGroupTransactions) {
        object.reject("lengths", "expected an array of 1 to 1000 numbers");
        return group;
    }
    for (const auto& length : *lengths) {
        if (!length.is_number_unsigned() || length.get<std::uint64_t>() == 0 ||
            length.get<std::uint64_t>() > INT64_MAX) {
            object.reject("lengths", "expected numbers from 1 to 2^63 - 1");
            break;
        }
        group.lengths.push_back(length.get<std::int64_t>());
    }
    return group;
}

}  // namespace

std::string to_line(const IndexLine& line) {
    return std::visit(Writer{}, line).dump(-1, ' ', true, Json::error_handler_t::replace) + "\n";
}

Result<IndexLine> parse_index_line(std::string_view line) {
    const auto damaged = [](const base::Error& error) {
        return base::fail(base::ErrorCode::kDataLoss, base::Reason::kArtifactDamaged, "index: " + error.message);
    };
    const auto document = base::parse_json(line, kMaxIndexLineBytes, "a line");
    if (!document) return damaged(document.error());
    JsonObject object(*document, "");
    std::optional<IndexLine> read;
    const auto member = [&](const char* key, auto reader) {
        object.object(key, [&](JsonObject& child) {
            if (read) child.reject("", "a second member of one line");
            read = reader(child);
            child.refuse_unknown();
        });
    };
    member("open", read_open);
    member("block", read_block);
    member("extent", read_extent);
    member("done", read_done);
    member("transactions", read_group);
    object.refuse_unknown();
    if (!read) object.reject("", "a line that says nothing");
    if (auto done = object.finish(); !done) return damaged(done.error());
    return *read;
}

}  // namespace n4b::format
