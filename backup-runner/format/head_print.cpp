#include <fmt/format.h>

#include <span>

#include "backup-runner/archive/digest.hpp"
#include "backup-runner/format/head.hpp"
#include "backup-runner/format/head_trailer.hpp"
#include "common/base/json_object.hpp"
#include "common/base/rfc3339.hpp"

namespace n4b::format {
namespace {

using base::Json;

void set_text(Json& json, const char* key, const std::string& text) {
    if (!text.empty()) json[key] = text;
}

void set_time(Json& json, const char* key, const std::optional<base::SystemTime>& time) {
    if (time) json[key] = base::format_rfc3339_micro(*time);
}

Json transaction_json(const Transaction& transaction) {
    Json json{{"id", transaction.id}, {"checksum", transaction.checksum}};
    set_time(json, "time", transaction.time);
    return json;
}

Json transactions_json(const Transactions& transactions) {
    Json highest = transaction_json(transactions.highest.point);
    highest["length"] = transactions.highest.length;
    set_text(highest, "sha256", transactions.highest.sha256);
    return {{"lowest", transaction_json(transactions.lowest)},
            {"highest", std::move(highest)},
            {"earliestRestorable", transaction_json(transactions.earliest_restorable)}};
}

Json origin_json(const Origin& origin) {
    Json json = Json::object();
    set_text(json, "cluster", origin.cluster);
    set_text(json, "namespace", origin.name_space);
    set_text(json, "name", origin.name);
    set_text(json, "schedule", origin.schedule);
    return json;
}

Json server_json(const SourceServer& server) {
    Json json = Json::object();
    set_text(json, "address", server.address);
    set_text(json, "member", server.member);
    set_text(json, "role", server.role);
    return json;
}

Json counts_json(const Counts& counts) {
    return {{"files", counts.files},
            {"tries", counts.tries},
            {"blocks", counts.blocks},
            {"transactions", counts.transactions},
            {"plainBytes", counts.plain_bytes},
            {"storedBytes", counts.stored_bytes}};
}

Json body_of(const Head& head) {
    Json json{{"format", kFormat},
              {"requires", Json::array()},
              {"repository", head.repository},
              {"source", head.source},
              {"database", head.database},
              {"kind", head.name.kind},
              {"chain", head.name.chain},
              {"sequence", head.name.sequence},
              {"run", {{"uid", head.name.run.uid}, {"attempt", head.name.run.attempt}}},
              {"supersedes", head.supersedes},
              {"origin", origin_json(head.origin)},
              {"server", server_json(head.server)},
              {"store", {{"id", head.store_id}, {"version", head.store_version}}},
              {"counts", counts_json(head.counts)},
              {"blockBytes", head.block_bytes},
              {"encodings", head.encodings},
              {"index", Json::array()},
              {"logPreamble", head.log_preamble},
              {"neostorePatches", Json::array()},
              {"versions", {{"runner", head.runner_version}}},
              {"start", base::format_rfc3339_micro(head.start)},
              {"end", base::format_rfc3339_micro(head.end)}};
    set_text(json["run"], "writer", head.name.run.writer);
    if (const auto& parent = head.parent) {
        json["parent"] = {{"name", parent->name},
                          {"sha256", parent->sha256},
                          {"blocks", parent->blocks},
                          {"storedBytes", parent->stored_bytes},
                          {"headBytes", parent->head_bytes}};
    }
    if (head.transactions) json["transactions"] = transactions_json(*head.transactions);
    set_time(json, "latestCommitTime", head.latest_commit_time);
    set_time(json, "completeAt", head.complete_at);
    set_time(json, "currentAt", head.current_at);
    for (const auto& block : head.index) {
        json["index"].push_back({{"block", block.number}, {"bytes", block.bytes}, {"sha256", block.sha256}});
    }
    for (const auto& patch : head.neostore_patches) {
        json["neostorePatches"].push_back({{"offset", patch.offset}, {"hex", patch.hex}});
    }
    set_text(json, "signature", head.signature);
    set_text(json["versions"], "server", head.server_version);
    return json;
}

}  // namespace

base::Result<std::string> print_head(const Head& head) {
    std::string text = body_of(head).dump(-1, ' ', true, Json::error_handler_t::replace);
    text.pop_back();
    text += trailer_of(text);
    // A head that nobody can read would be found by the restore that needs it.
    if (const auto read = parse_head(text); !read) {
        return base::fail(base::ErrorCode::kInternal, base::Reason::kInternalError,
                          fmt::format("a head of our own can't be read: {}", read.error().message));
    }
    return text;
}

}  // namespace n4b::format
