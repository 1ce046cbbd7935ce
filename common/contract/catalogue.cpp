#include "common/contract/catalogue.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/fnv1a.hpp"
#include "common/base/json_time.hpp"
#include "common/base/rfc3339.hpp"
#include "common/contract/run_spec.hpp"

namespace n4b::contract {
namespace {

using base::Json;
using base::JsonObject;
using base::read_time;

constexpr std::size_t kMaxName = 64;
constexpr std::size_t kMaxTip = 256;

void put_time(Json& json, const char* key, const std::optional<base::SystemTime>& time) {
    if (time) json[key] = base::format_rfc3339(*time);
}

Json record_json(const ChainRecord& record) {
    Json json{{"source", record.source},
              {"database", record.database},
              {"chain", record.chain},
              {"tip", record.tip},
              {"artifacts", record.artifacts},
              {"storeId", record.store_id},
              {"earliestRestorable", record.earliest_restorable},
              {"highestTransaction", record.highest_transaction},
              {"storedBytes", record.stored_bytes}};
    put_time(json, "restorableFrom", record.restorable_from);
    put_time(json, "recoverableTo", record.recoverable_to);
    put_time(json, "currentAt", record.current_at);
    if (record.reason != base::Reason::kCompleted) {
        json["reason"] = to_string(record.reason);
        json["message"] = record.message.substr(0, kMaxChainMessage);
    }
    return json;
}

bool is_plain(std::string_view text, std::size_t most, std::string_view further) {
    return text.size() <= most && std::all_of(text.begin(), text.end(), [&](char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      further.find(c) != std::string_view::npos;
           });
}

std::string read_plain(JsonObject& object, const char* key, std::size_t most) {
    auto text = object.required<std::string>(key);
    if (!is_plain(text, most, "-")) object.reject(key, fmt::format("expected at most {} of [0-9A-Za-z-]", most));
    return text;
}

std::string read_storage_name(JsonObject& object, const char* key) {
    auto name = object.required<std::string>(key);
    if (!is_storage_name(name)) object.reject(key, "expected 1 to 128 of [A-Za-z0-9._-]");
    return name;
}

std::int64_t read_count(JsonObject& object, const char* key, std::int64_t least) {
    const auto count = object.required<std::int64_t>(key);
    if (count < least) object.reject(key, fmt::format("found {}, expected at least {}", count, least));
    return count;
}

ChainRecord read_record(JsonObject& object) {
    ChainRecord record{.source = read_storage_name(object, "source"),
                       .database = read_storage_name(object, "database"),
                       .chain = read_plain(object, "chain", kMaxName),
                       .tip = read_plain(object, "tip", kMaxTip),
                       .artifacts = read_count(object, "artifacts", 1),
                       .store_id = read_plain(object, "storeId", kMaxName),
                       .earliest_restorable = read_count(object, "earliestRestorable", 0),
                       .highest_transaction = read_count(object, "highestTransaction", 0),
                       .stored_bytes = read_count(object, "storedBytes", 0),
                       .restorable_from = read_time(object, "restorableFrom"),
                       .recoverable_to = read_time(object, "recoverableTo"),
                       .current_at = read_time(object, "currentAt")};
    if (record.chain.empty()) object.reject("chain", "empty");
    if (const auto name = object.optional<std::string>("reason")) {
        const auto reason = base::parse_reason(*name);
        if (!reason) object.reject("reason", "not in the list of reasons");
        record.reason = reason.value_or(base::Reason::kInternalError);
        record.message = object.value_or<std::string>("message", "").substr(0, kMaxChainMessage);
    }
    return record;
}

}  // namespace

ChainRecord chain_up_to(const ArtifactReport& artifact) {
    return {.source = "",
            .database = artifact.database,
            .chain = artifact.chain,
            .tip = artifact.artifact,
            .artifacts = artifact.sequence + 1,
            .earliest_restorable = artifact.earliest_restorable,
            .highest_transaction = artifact.highest_transaction,
            .stored_bytes = artifact.chain_stored_bytes,
            .restorable_from = artifact.restorable_from,
            .recoverable_to = artifact.recoverable_to,
            .current_at = artifact.current_at};
}

std::string to_json(const CataloguePage& page) {
    Json chains = Json::array();
    for (const auto& record : page.chains) chains.push_back(record_json(record));
    const Json json{{"runUid", page.run_uid},
                    {"attempt", page.attempt},
                    {"page", page.page},
                    {"pages", page.pages},
                    {"chains", std::move(chains)}};
    return json.dump(-1, ' ', true, Json::error_handler_t::replace);
}

base::Result<CataloguePage> parse_catalogue_page(std::string_view json) {
    N4B_TRY(const Json document, base::parse_json(json, kMaxCataloguePageBytes, "catalogue"));
    JsonObject object(document, "");
    CataloguePage page{.run_uid = object.required<std::string>("runUid"),
                       .attempt = object.required<std::int64_t>("attempt"),
                       .page = read_count(object, "page", 0),
                       .pages = read_count(object, "pages", 1)};
    if (page.pages > kMostCataloguePages) {
        object.reject("pages", fmt::format("found {}, expected at most {}", page.pages, kMostCataloguePages));
    }
    if (page.page >= page.pages) object.reject("page", fmt::format("found {} of {}", page.page, page.pages));
    object.each("chains", [&](JsonObject& one) { page.chains.push_back(read_record(one)); });
    if (page.chains.size() > kChainsOnPage) {
        object.reject("chains", fmt::format("found {}, expected at most {}", page.chains.size(), kChainsOnPage));
    }
    if (auto done = object.finish(); !done) return base::fail(done.error().wrap("catalogue"));
    return page;
}

std::string catalogue_path(std::int64_t page) {
    return fmt::format("/catalogue/{}", page);
}

std::string catalogue_digest(const std::vector<std::string>& pages) {
    auto hash = base::kFnv1aStart;
    for (const auto& page : pages) hash = base::fnv1a(page, hash);
    return fmt::format("{:016x}", hash);
}

}  // namespace n4b::contract
