#include "backup-runner/engine/store_list.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "backup-runner/archive/names.hpp"
#include "backup-runner/engine/restored_content.hpp"

namespace n4b::engine {
namespace {

using base::Result;

/// Without these, Neo4j starts all the same, with an empty store in place of the missing one.
/// The label scan store is none of them: it is built anew.
constexpr std::array<std::string_view, 15> kEssential{"neostore.nodestore.db",
                                                      "neostore.nodestore.db.labels",
                                                      "neostore.propertystore.db",
                                                      "neostore.propertystore.db.arrays",
                                                      "neostore.propertystore.db.index",
                                                      "neostore.propertystore.db.index.keys",
                                                      "neostore.propertystore.db.strings",
                                                      "neostore.relationshipstore.db",
                                                      "neostore.relationshipgroupstore.db",
                                                      "neostore.relationshiptypestore.db",
                                                      "neostore.relationshiptypestore.db.names",
                                                      "neostore.labeltokenstore.db",
                                                      "neostore.labeltokenstore.db.names",
                                                      "neostore.schemastore.db",
                                                      kNeostore};
/// Without either, counts are taken from the stores before recovery, and stay wrong (transaction-log format 11).
constexpr std::array<std::string_view, 2> kCounts{"neostore.counts.db.a", "neostore.counts.db.b"};
/// The largest files of a typical store.
constexpr std::array<std::string_view, 5> kLargest{"neostore.propertystore.db", "neostore.relationshipstore.db",
                                                   "neostore.propertystore.db.strings", "neostore.nodestore.db",
                                                   "neostore.propertystore.db.arrays"};
constexpr std::string_view kLogPrefix = "neostore.transaction.db";
constexpr std::array<std::string_view, 3> kReserved{"store_lock", kNeostore, kRestoreRecord};
/// Ids beyond are no ids: a store would have to commit for 146 years at a billion transactions a second.
constexpr std::int64_t kMaxTransaction = std::int64_t{1} << 62;

tl::unexpected<base::Error> wrong(std::string text) {
    return base::fail(base::ErrorCode::kInvalid, base::Reason::kSourceProtocolError, std::move(text));
}

}  // namespace

Result<void> check_store_file_name(std::string_view name) {
    N4B_TRY(const auto path, archive::file_path(name));
    // neostore itself is a store file, but nothing may lie below it.
    const auto first = path.substr(0, path.find('/'));
    const bool reserved =
        path.starts_with(kLogPrefix) || path.starts_with(kRestoreMarker) ||
        (path != kNeostore && std::find(kReserved.begin(), kReserved.end(), first) != kReserved.end());
    if (!reserved) return {};
    return wrong(fmt::format("the source sent a file named {}: reserved, no store file has that name",
                             archive::quoted_name(name)));
}

Result<void> check_store_list(const catchup::Prepared& prepared, const std::set<std::string>& received) {
    if (prepared.last_transaction < 1 || prepared.last_transaction > kMaxTransaction) {
        return wrong(fmt::format("the source prepared a copy as of checkpoint {}, which is no transaction's id",
                                 prepared.last_transaction));
    }
    std::set<std::string_view> listed;
    for (const auto& name : prepared.files) {
        N4B_TRY_VOID(check_store_file_name(name));
        if (listed.insert(name).second) continue;
        return wrong(fmt::format("the source's list of store files lists {} twice", name));
    }
    const auto there = [&](std::string_view name) {
        return listed.contains(name) || received.contains(std::string(name));
    };
    for (const auto name : kEssential) {
        if (!there(name)) return wrong(fmt::format("the source's list of store files lacks {}", name));
    }
    if (std::any_of(kCounts.begin(), kCounts.end(), there)) return {};
    return wrong(fmt::format("the source's list of store files lacks {} and {}", kCounts[0], kCounts[1]));
}

void sort_largest_first(std::vector<std::string>& names) {
    const auto rank = [](const std::string& name) { return std::find(kLargest.begin(), kLargest.end(), name); };
    std::stable_sort(names.begin(), names.end(),
                     [&](const std::string& a, const std::string& b) { return rank(a) < rank(b); });
}

}  // namespace n4b::engine
