#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <set>

#include "backup-runner/archive/names.hpp"
#include "backup-runner/format/head.hpp"
#include "backup-runner/format/head_trailer.hpp"
#include "common/base/json_object.hpp"
#include "common/base/rfc3339.hpp"

namespace n4b::format {
namespace {

using base::JsonObject;
using base::Result;

constexpr std::size_t kSha256Digits = 64;

tl::unexpected<base::Error> damaged(std::string what) {
    return base::fail(base::ErrorCode::kDataLoss, base::Reason::kArtifactDamaged, "head: " + std::move(what));
}

tl::unexpected<base::Error> not_supported(std::string what) {
    return base::fail(base::ErrorCode::kFailedPrecondition, base::Reason::kArtifactNotSupported,
                      "head: " + std::move(what));
}

bool is_hex(std::string_view text) {
    return text.size() % 2 == 0 && std::all_of(text.begin(), text.end(),
                                               [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

std::string read_hex(JsonObject& object, const char* key) {
    auto text = object.required<std::string>(key);
    if (!is_hex(text)) object.reject(key, "expected lower-case hexadecimal digits, two a byte");
    return text;
}

std::string read_sha256(JsonObject& object, const char* key) {
    auto text = read_hex(object, key);
    if (text.size() != kSha256Digits) object.reject(key, "expected 64 hexadecimal digits");
    return text;
}

std::int64_t read_count(JsonObject& object, const char* key, std::int64_t most = INT64_MAX) {
    const auto value = object.required<std::int64_t>(key);
    if (value < 0 || value > most) object.reject(key, fmt::format("expected 0 to {}", most));
    return value;
}

/// Only the form that is printed, so that no time is read as another one.
base::SystemTime time_of(JsonObject& object, const char* key, const std::string& text) {
    const auto time = base::parse_rfc3339(text);
    if (!time || base::format_rfc3339_micro(*time) != text) {
        object.reject(key, "expected a time such as 2026-11-22T21:50:49.123000Z");
    }
    return time.value_or(base::SystemTime{});
}

base::SystemTime read_time(JsonObject& object, const char* key) {
    return time_of(object, key, object.required<std::string>(key));
}

std::optional<base::SystemTime> read_optional_time(JsonObject& object, const char* key) {
    const auto text = object.optional<std::string>(key);
    return text ? std::optional(time_of(object, key, *text)) : std::nullopt;
}

/// A member object that must be there, and has only what `read` reads.
template <typename F>
void section(JsonObject& parent, const char* key, F&& read) {
    const bool found = parent.object(key, [&](JsonObject& object) {
        read(object);
        object.refuse_unknown();
    });
    if (!found) parent.reject(key, "missing");
}

Transaction read_point(JsonObject& object) {
    return {.id = read_count(object, "id"),
            .time = read_optional_time(object, "time"),
            .checksum = object.required<std::int64_t>("checksum")};
}

Transactions read_transactions(JsonObject& object) {
    Transactions read;
    section(object, "lowest", [&](JsonObject& member) { read.lowest = read_point(member); });
    section(object, "highest", [&](JsonObject& member) {
        read.highest.point = read_point(member);
        read.highest.length = read_count(member, "length");
        if (member.has("sha256")) read.highest.sha256 = read_sha256(member, "sha256");
        if (read.highest.sha256.empty() != (read.highest.length == 0)) {
            member.reject("sha256", "expected where length isn't 0, and only there");
        }
    });
    section(object, "earliestRestorable", [&](JsonObject& member) { read.earliest_restorable = read_point(member); });
    if (read.lowest.id > read.highest.point.id) object.reject("lowest", "above the highest");
    return read;
}

/// What tells one artifact from all others.
void read_identity(JsonObject& object, Head& head) {
    head.repository = object.required<std::string>("repository");
    head.source = object.required<std::string>("source");
    head.database = object.required<std::string>("database");
    if (!Layout::create(head.source, head.database)) object.reject("source", "no name of a source and a database");
    head.name.chain = object.required<std::string>("chain");
    if (!archive::is_chain_name(head.name.chain)) object.reject("chain", "expected <time>-<six hexadecimal digits>");
    head.name.sequence = read_count(object, "sequence", kMaxSequence);
    section(object, "run", [&](JsonObject& member) {
        head.name.run.uid = member.required<std::string>("uid");
        head.name.run.attempt = member.required<std::int64_t>("attempt");
        head.name.run.writer = member.value_or<std::string>("writer", "");
        if (member.has("writer") && !is_writer_name(head.name.run.writer)) {
            member.reject("writer", "expected w and six hexadecimal digits");
        }
    });
    object.object("parent", [&](JsonObject& member) {
        head.parent = Parent{.name = member.required<std::string>("name"),
                             .sha256 = read_sha256(member, "sha256"),
                             .blocks = read_count(member, "blocks"),
                             .stored_bytes = read_count(member, "storedBytes"),
                             .head_bytes = read_count(member, "headBytes")};
        if (!parse_head_name(head.parent->name)) member.reject("name", "no name of a head");
        member.refuse_unknown();
    });
    head.supersedes = object.required<std::vector<std::string>>("supersedes");
    for (const auto& name : head.supersedes) {
        if (!parse_head_name(name)) object.reject("supersedes", "no name of a head");
    }
    const bool full = head.name.kind == "full";
    if (full != (head.name.sequence == 0)) object.reject("sequence", "0 is the full's, and only its");
    if (full == head.parent.has_value()) object.reject("parent", "an increment has one, a full has none");
    if (!full && !head.supersedes.empty()) object.reject("supersedes", "only a full supersedes");
}

void read_origin(JsonObject& object, Head& head) {
    section(object, "origin", [&](JsonObject& member) {
        head.origin = {.cluster = member.value_or<std::string>("cluster", ""),
                       .name_space = member.value_or<std::string>("namespace", ""),
                       .name = member.value_or<std::string>("name", ""),
                       .schedule = member.value_or<std::string>("schedule", "")};
    });
    section(object, "server", [&](JsonObject& member) {
        head.server = {.address = member.value_or<std::string>("address", ""),
                       .member = member.value_or<std::string>("member", ""),
                       .role = member.value_or<std::string>("role", "")};
    });
    section(object, "store", [&](JsonObject& member) {
        head.store_id = member.required<std::string>("id");
        head.store_version = member.required<std::string>("version");
    });
    section(object, "versions", [&](JsonObject& member) {
        head.runner_version = member.required<std::string>("runner");
        head.server_version = member.value_or<std::string>("server", "");
    });
    head.signature = object.value_or<std::string>("signature", "");
}

void read_times(JsonObject& object, Head& head) {
    if (object.has("transactions")) {
        section(object, "transactions", [&](JsonObject& member) { head.transactions = read_transactions(member); });
    }
    head.latest_commit_time = read_optional_time(object, "latestCommitTime");
    head.complete_at = read_optional_time(object, "completeAt");
    head.current_at = read_optional_time(object, "currentAt");
    head.start = read_time(object, "start");
    head.end = read_time(object, "end");
}

void read_counts(JsonObject& object, Head& head) {
    section(object, "counts", [&](JsonObject& member) {
        head.counts = {.files = read_count(member, "files"),
                       .tries = read_count(member, "tries"),
                       .blocks = read_count(member, "blocks", kMaxBlockNumber + 1),
                       .transactions = read_count(member, "transactions"),
                       .plain_bytes = read_count(member, "plainBytes"),
                       .stored_bytes = read_count(member, "storedBytes")};
    });
    head.block_bytes = read_count(object, "blockBytes", kMostBlockBytes);
    if (head.block_bytes < kLeastBlockBytes || !std::has_single_bit(static_cast<std::uint64_t>(head.block_bytes))) {
        object.reject("blockBytes", "expected a power of two from 1 to 64 MiB");
    }
}

void read_contents(JsonObject& object, Head& head) {
    head.encodings = object.required<std::vector<std::string>>("encodings");
    std::set<std::int64_t> numbers;
    object.each("index", [&](JsonObject& member) {
        BlockDigest block{.number = read_count(member, "block", kMaxBlockNumber),
                          .bytes = read_count(member, "bytes", head.block_bytes),
                          .sha256 = read_sha256(member, "sha256")};
        if (!numbers.insert(block.number).second) member.reject("block", "named twice");
        head.index.push_back(std::move(block));
        member.refuse_unknown();
    });
    if (head.index.empty()) object.reject("index", "missing or empty");
    head.log_preamble = read_hex(object, "logPreamble");
    object.each("neostorePatches", [&](JsonObject& member) {
        head.neostore_patches.push_back({.offset = read_count(member, "offset"), .hex = read_hex(member, "hex")});
        member.refuse_unknown();
    });
    if (!object.has("neostorePatches")) object.reject("neostorePatches", "missing");
}

/// Whether the text ends as every head of format 1 does; nothing when it has another end.
std::optional<bool> trailer_matches(std::string_view text) {
    if (text.size() <= kTrailerBytes) return std::nullopt;
    const auto body = text.substr(0, text.size() - kTrailerBytes);
    const auto end = text.substr(body.size());
    constexpr std::string_view kBegin = ",\"sha256\":\"";
    if (!end.starts_with(kBegin) || !end.ends_with("\"}\n")) return std::nullopt;
    return end == trailer_of(body);
}

/// What a later runner may have changed: none of it is damage, and other fields may be unknown because of it.
Result<void> check_supported(JsonObject& object, Head& head) {
    const auto format = object.required<std::int64_t>("format");
    const auto features = object.required<std::vector<std::string>>("requires");
    if (auto begun = object.finish(); !begun) return damaged(begun.error().message);
    if (format != kFormat) {
        return not_supported(fmt::format("written in format {}; this runner reads format {}", format, kFormat));
    }
    if (!features.empty()) {
        return not_supported(
            fmt::format("requires {}, which this runner doesn't know", archive::quoted_name(features.front())));
    }
    head.name.kind = object.required<std::string>("kind");
    const auto encodings = object.required<std::vector<std::string>>("encodings");
    if (auto begun = object.finish(); !begun) return damaged(begun.error().message);
    if (head.name.kind != "full" && head.name.kind != "incr") {
        return not_supported(
            fmt::format("of kind {}, which this runner doesn't know", archive::quoted_name(head.name.kind)));
    }
    for (const auto& encoding : encodings) {
        if (encoding != "none" && encoding != "zstd") {
            return not_supported(
                fmt::format("encoded by {}, which this runner doesn't know", archive::quoted_name(encoding)));
        }
    }
    return {};
}

}  // namespace

std::int64_t highest_of(const Head& head) {
    return head.transactions ? head.transactions->highest.point.id : 0;
}

HeadName name_of(const Head& head) {
    return {.artifact = head.name, .highest = highest_of(head)};
}

Result<Head> parse_head(std::string_view text) {
    const auto document = base::parse_json(text, kMaxHeadBytes, "it");
    if (!document) return damaged(document.error().message);
    // Looked at first: in damaged bytes a format isn't worth believing either.
    const auto whole = trailer_matches(text);
    if (whole && !*whole) return damaged("its sha256 does not match what it says");
    JsonObject object(*document, "");
    Head head;
    N4B_TRY_VOID(check_supported(object, head));
    if (!whole) return damaged("sha256: missing, or not the last member");
    object.required<std::string>("sha256");
    read_identity(object, head);
    read_origin(object, head);
    read_times(object, head);
    read_counts(object, head);
    read_contents(object, head);
    object.refuse_unknown();
    if (auto done = object.finish(); !done) return damaged(done.error().message);
    // What can't stand in a name would come back as another head, or as none.
    const auto name = parse_head_name(to_string(name_of(head)));
    if (!name || *name != name_of(head)) return damaged("run: it has no name for a head");
    return head;
}

Result<Head> parse_head(std::string_view text, const HeadName& name) {
    N4B_TRY(auto head, parse_head(text));
    if (name_of(head) != name) {
        return damaged(fmt::format("its name is {}, it says of itself {}", to_string(name), to_string(name_of(head))));
    }
    return head;
}

}  // namespace n4b::format
