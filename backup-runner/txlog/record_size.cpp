#include "backup-runner/txlog/record_size.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace n4b::txlog {
namespace {

/// The sizes that real servers tell with each store file that they send.
constexpr std::array<std::pair<std::string_view, std::int64_t>, 7> kRecords{{{"neostore.nodestore.db", 15},
                                                                             {"neostore.propertystore.db", 41},
                                                                             {"neostore.relationshipstore.db", 34},
                                                                             {"neostore.relationshipgroupstore.db", 25},
                                                                             {"neostore.relationshiptypestore.db", 5},
                                                                             {"neostore.labeltokenstore.db", 5},
                                                                             {"neostore.propertystore.db.index", 9}}};
constexpr std::int64_t kPageBytes = 8192;

}  // namespace

std::optional<std::int64_t> record_bytes(std::string_view store_version, std::string_view file) {
    if (store_version != "v0.A.9") return std::nullopt;
    const auto* const found =
        std::find_if(kRecords.begin(), kRecords.end(), [&](const auto& record) { return record.first == file; });
    return found == kRecords.end() ? std::nullopt : std::optional(found->second);
}

bool is_store_size(std::int64_t bytes, std::int64_t record_bytes) {
    return bytes % record_bytes == 0 || bytes % kPageBytes == 0;
}

}  // namespace n4b::txlog
