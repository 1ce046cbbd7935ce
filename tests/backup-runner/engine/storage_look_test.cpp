#include <gtest/gtest.h>

#include "backup-runner/engine/repository.hpp"
#include "backup-runner/engine/storage_check.hpp"
#include "tests/support/memory_store.hpp"

namespace n4b::engine {
namespace {

using base::Reason;
using format::RepositoryUse;
using testing::MemoryStore;

constexpr char kName[] = "neo4j-backup-check-1";
const format::RepositoryWish kFirstLook{.use = RepositoryUse::kInitialize, .new_id = "uid-1"};
const format::RepositoryWish kLaterLook{.use = RepositoryUse::kWrite, .expected_id = "uid-1"};

StorageLook look(object_store::ObjectStore& store, const format::RepositoryWish& wish) {
    return look_at_storage({.plain = store, .backups = store}, kName, wish, base::RealClock(), {});
}

Reason reason_of(const StorageLook& look) {
    return look.error ? look.error->reason.value_or(Reason::kInternalError) : Reason::kCompleted;
}

void make(object_store::ObjectStore& store, const std::string& id) {
    ASSERT_TRUE(open_repository(store, {.use = RepositoryUse::kInitialize, .new_id = id}, {}));
}

TEST(StorageLook, MakesAnEmptyPlaceARepositoryOnceAndFindsItAgain) {
    MemoryStore store;
    auto found = look(store, kFirstLook);
    EXPECT_EQ(reason_of(found), Reason::kCompleted);
    EXPECT_EQ(found.repository, "uid-1");
    EXPECT_TRUE(found.abilities);
    EXPECT_EQ(store.objects().size(), 1U);
    EXPECT_EQ(look(store, {.use = RepositoryUse::kInitialize, .new_id = "uid-2"}).repository, "uid-1")
        << "an object that was made anew takes what it finds";
    found = look(store, kLaterLook);
    EXPECT_EQ(reason_of(found), Reason::kCompleted);
    EXPECT_EQ(found.repository, "uid-1");
}

TEST(StorageLook, TakesTheRepositoryThatABackupMadeMeanwhile) {
    MemoryStore store;
    int lists = 0;
    store.on_list = [&] {
        // The first list is the check's own.
        if (++lists == 2) make(store, "by-a-backup");
    };
    EXPECT_EQ(look(store, kFirstLook).repository, "by-a-backup");
}

TEST(StorageLook, ObjectsOfOtherLooksDoNotKeepAPlaceFromBeingEmpty) {
    MemoryStore store;
    ASSERT_TRUE(store.put("neo4j-backup-check-2", {}, {}));
    EXPECT_EQ(look(store, kFirstLook).repository, "uid-1");
}

TEST(StorageLook, TellsAPlaceThatHoldsSomethingElse) {
    MemoryStore store;
    ASSERT_TRUE(store.put("notes", {}, {}));
    const auto found = look(store, kFirstLook);
    EXPECT_EQ(reason_of(found), Reason::kStorageNotInitialized);
    EXPECT_TRUE(found.abilities) << "it can be written to all the same";
    EXPECT_EQ(found.repository, "");
    EXPECT_EQ(store.objects().size(), 1U) << "and nothing is left there";
}

TEST(StorageLook, TellsARepositoryThatIsGoneOrAnother) {
    MemoryStore emptied;
    EXPECT_EQ(reason_of(look(emptied, kLaterLook)), Reason::kStorageNotInitialized);
    EXPECT_TRUE(emptied.objects().empty()) << "nobody makes another one in its place";
    make(emptied, "uid-2");
    const auto found = look(emptied, kLaterLook);
    EXPECT_EQ(reason_of(found), Reason::kStorageReplaced);
    EXPECT_TRUE(found.abilities);
    EXPECT_EQ(found.repository, "");
}

TEST(StorageLook, OfAStorageThatTakesNothingStillTellsWhichRepositoryItIs) {
    MemoryStore full({.put_that_fails = 1, .refuses_conditions = true});
    make(full, "uid-1");
    auto found = look(full, kFirstLook);
    EXPECT_EQ(reason_of(found), Reason::kStorageFull);
    EXPECT_FALSE(found.abilities);
    EXPECT_EQ(found.repository, "uid-1");
}

TEST(StorageLook, ThatItIsTheWrongPlaceComesBeforeThatItTakesNothing) {
    MemoryStore full({.put_that_fails = 1, .refuses_conditions = true});
    make(full, "uid-2");
    EXPECT_EQ(reason_of(look(full, kLaterLook)), Reason::kStorageReplaced);
    MemoryStore empty_and_full({.put_that_fails = 0, .refuses_conditions = true});
    EXPECT_EQ(reason_of(look(empty_and_full, kLaterLook)), Reason::kStorageNotInitialized);
    MemoryStore fresh_and_full({.put_that_fails = 0, .refuses_conditions = true});
    EXPECT_EQ(reason_of(look(fresh_and_full, kFirstLook)), Reason::kStorageFull);
    EXPECT_TRUE(fresh_and_full.objects().empty()) << "what takes nothing is made no repository";
}

TEST(StorageLook, OfSomebodyWhoAsksForNoRepositoryIsContentWithoutOne) {
    MemoryStore store;
    EXPECT_EQ(reason_of(look(store, {})), Reason::kCompleted);
    EXPECT_TRUE(store.objects().empty());
    make(store, "uid-1");
    EXPECT_EQ(look(store, {}).repository, "uid-1");
    store.damage("neo4j-backup.json", 0);
    EXPECT_EQ(reason_of(look(store, {})), Reason::kArtifactDamaged);
}

}  // namespace
}  // namespace n4b::engine
