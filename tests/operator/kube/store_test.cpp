#include "operator/kube/store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace n4b::kube {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Thing {
    struct {
        std::string uid{};
        std::string controller_uid{};
    } meta{};
    std::vector<std::string> tags{};
};
using Things = Store<Thing>;

Things::Changed nobody() {
    return [](const auto&, const auto&, const auto&) {};
}

std::vector<std::string> uids(const std::vector<Things::Ptr>& things) {
    std::vector<std::string> list;
    for (const auto& thing : things) list.push_back(thing->meta.uid);
    return list;
}

TEST(Store, FindsObjectsByTheirOwner) {
    Things store(nobody());
    const OwnerIndex<Thing> owners(store);
    store.apply("n/b", {.meta = {"b", "job"}});
    store.apply("n/a", {.meta = {"a", "job"}});
    store.apply("n/c", {.meta = {"c", "other"}});
    store.apply("n/d", {.meta = {"d", ""}});
    EXPECT_THAT(uids(owners.owned_by("job")), ElementsAre("a", "b"));
    store.apply("n/a", {.meta = {"a2", "other"}});
    store.remove("n/b");
    EXPECT_THAT(owners.owned_by("job"), IsEmpty());
    EXPECT_THAT(uids(owners.owned_by("other")), ElementsAre("a2", "c"));
    EXPECT_THAT(owners.owned_by(""), IsEmpty());
    store.retain("n", {"n/c"});
    EXPECT_THAT(uids(owners.owned_by("other")), ElementsAre("c"));
}

TEST(Store, AnIndexMayHoldSeveralValuesOfAnObject) {
    Things store(nobody());
    const auto tags = store.add_index([](const Thing& thing) { return thing.tags; });
    store.apply("n/a", {.meta = {"a"}, .tags = {"x", "y"}});
    store.apply("n/b", {.meta = {"b"}, .tags = {"y", "y"}});
    EXPECT_THAT(uids(store.find(tags, "y")), ElementsAre("a", "b"));
    store.apply("n/b", {.meta = {"b"}, .tags = {"x"}});
    EXPECT_THAT(uids(store.find(tags, "y")), ElementsAre("a"));
    EXPECT_THAT(uids(store.find(tags, "x")), ElementsAre("a", "b"));
}

TEST(Store, WhoIsToldOfAChangeFindsItInTheIndex) {
    std::vector<std::size_t> found;
    std::function<void()> look = [] {};
    Things store([&](const auto&, const auto&, const auto&) { look(); });
    const OwnerIndex<Thing> owners(store);
    look = [&] { found.push_back(owners.owned_by("job").size()); };
    store.apply("n/a", {.meta = {"a", "job"}});
    store.remove("n/a");
    EXPECT_THAT(found, ElementsAre(1U, 0U));
}

TEST(Store, AnUnreadableObjectKeepsItsLastReadableVersion) {
    int changes = 0;
    std::vector<std::string> told;
    Things store([&](const auto&, const auto&, const auto&) { ++changes; });
    store.on_unreadable([&](const Unreadable& mark) { told.push_back(mark.key + ": " + mark.error); });
    store.apply("n/a", {.meta = {"a"}});
    store.mark_unreadable({.key = "n/a", .uid = "a", .error = "one"});
    store.mark_unreadable({.key = "n/a", .uid = "a", .error = "one"});
    store.mark_unreadable({.key = "n/a", .uid = "a", .error = "two"});
    store.mark_unreadable({.key = "n/b", .uid = "b", .error = "one"});
    EXPECT_THAT(told, ElementsAre("n/a: one", "n/a: two", "n/b: one"));
    EXPECT_EQ(changes, 1);
    EXPECT_NE(store.get("n/a"), nullptr);
    EXPECT_EQ(store.get("n/b"), nullptr);
    EXPECT_EQ(store.unreadable().size(), 2U);

    store.retain("", {"n/a", "n/b"});
    EXPECT_EQ(store.unreadable().size(), 2U) << "listed, though it can't be read";
    store.apply("n/a", {.meta = {"a"}});
    EXPECT_THAT(store.unreadable(), ElementsAre(Unreadable{.key = "n/b", .uid = "b", .error = "one"}));
    store.retain("n", {"n/a"});
    EXPECT_THAT(store.unreadable(), IsEmpty());
    EXPECT_EQ(store.size(), 1U);
}

}  // namespace
}  // namespace n4b::kube
