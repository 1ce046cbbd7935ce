#include "backup-runner/engine/store_list.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace n4b::engine {
namespace {

/// What every server lists that was looked at (protocol/catchup.md section 7), the counts apart.
const std::vector<std::string> kListed{"neostore.nodestore.db.labels",
                                       "neostore.nodestore.db",
                                       "neostore.propertystore.db.index.keys",
                                       "neostore.propertystore.db.index",
                                       "neostore.propertystore.db.strings",
                                       "neostore.propertystore.db.arrays",
                                       "neostore.propertystore.db",
                                       "neostore.relationshipstore.db",
                                       "neostore.relationshiptypestore.db.names",
                                       "neostore.relationshiptypestore.db",
                                       "neostore.labeltokenstore.db.names",
                                       "neostore.labeltokenstore.db",
                                       "neostore.schemastore.db",
                                       "neostore.relationshipgroupstore.db",
                                       "neostore"};

catchup::Prepared prepared(std::vector<std::string> files) {
    return {.status = catchup::PrepareStatus::kSuccess, .last_transaction = 5, .files = std::move(files)};
}

TEST(StoreList, HoldsAllThatEveryStoreHas) {
    const std::set<std::string> counts{"neostore.counts.db.b"};
    ASSERT_TRUE(check_store_list(prepared(kListed), counts));
    for (const auto& missing : kListed) {
        auto files = kListed;
        std::erase(files, missing);
        const auto checked = check_store_list(prepared(files), counts);
        ASSERT_FALSE(checked) << "a server makes an empty " << missing << " in place of the one that was lost";
        EXPECT_EQ(checked.error().reason, base::Reason::kSourceProtocolError);
        EXPECT_EQ(checked.error().message, "the source's list of store files lacks " + missing);
        auto received = counts;
        received.insert(missing);
        EXPECT_TRUE(check_store_list(prepared(files), received)) << "it came before the list";
    }
    EXPECT_FALSE(check_store_list(prepared(kListed), {}));
}

}  // namespace
}  // namespace n4b::engine
