#include "backup-runner/format/repository.hpp"

#include <gtest/gtest.h>

namespace n4b::format {
namespace {

using base::Reason;

const RepositoryFile kFile{.id = "9f0c"};

Reason reason_of(const FoundRepository& found, const RepositoryWish& wish) {
    const auto decision = decide_repository(found, wish);
    EXPECT_FALSE(decision);
    return decision ? Reason::kCompleted : decision.error().reason.value_or(Reason::kInternalError);
}

TEST(Repository, SurvivesItsText) {
    const RepositoryFile file{.id = "9f0c", .required_to_read = {"a"}, .required_to_write = {"b", "c"}};
    EXPECT_EQ(parse_repository(print_repository(file)).value(), file);
}

TEST(Repository, IsMadeOnlyInAnEmptyPlaceThatNeverWasOne) {
    const RepositoryWish make{.use = RepositoryUse::kInitialize, .new_id = "new-1"};
    const auto decision = decide_repository({.empty = true}, make);
    ASSERT_TRUE(decision) << decision.error().message;
    EXPECT_TRUE(decision->create);
    EXPECT_EQ(decision->file.id, "new-1");

    EXPECT_EQ(reason_of({.empty = false}, make), Reason::kStorageNotInitialized) << "foreign, or heads without it";
    auto again = make;
    again.expected_id = "9f0c";
    EXPECT_EQ(reason_of({.empty = true}, again), Reason::kStorageNotInitialized) << "an unmounted volume looks so";
    auto nameless = make;
    nameless.new_id = "";
    EXPECT_EQ(reason_of({.empty = true}, nameless), Reason::kInvalidRunSpec);
}

TEST(Repository, OfCopiedChainsIsMadeOnlyWhenTheyAreAdopted) {
    const auto decision = decide_repository({.empty = false}, {.use = RepositoryUse::kAdopt, .new_id = "new-1"});
    ASSERT_TRUE(decision) << decision.error().message;
    EXPECT_TRUE(decision->create);
    EXPECT_EQ(reason_of({.empty = false}, {.use = RepositoryUse::kAdopt, .expected_id = "9f0c", .new_id = "new-1"}),
              Reason::kStorageNotInitialized);
}

TEST(Repository, IsNeverMadeByABackupOrARestore) {
    for (const auto use : {RepositoryUse::kRead, RepositoryUse::kWrite}) {
        for (const bool empty : {false, true}) {
            EXPECT_EQ(reason_of({.empty = empty}, {.use = use, .new_id = "new-1"}), Reason::kStorageNotInitialized);
        }
    }
}

TEST(Repository, IsUsedWhereItStandsAndIsTheOneExpected) {
    for (const auto use :
         {RepositoryUse::kRead, RepositoryUse::kWrite, RepositoryUse::kInitialize, RepositoryUse::kAdopt}) {
        const FoundRepository found{.file = print_repository(kFile)};
        for (const auto* id : {"", "9f0c"}) {
            const auto decision = decide_repository(found, {.use = use, .expected_id = id, .new_id = "new-1"});
            ASSERT_TRUE(decision) << decision.error().message;
            EXPECT_EQ(*decision, (RepositoryDecision{.file = kFile, .create = false}));
        }
        EXPECT_EQ(reason_of(found, {.use = use, .expected_id = "other"}), Reason::kStorageReplaced);
    }
}

TEST(Repository, IsNotSupportedInAnotherFormatOrWithAnUnknownFeature) {
    EXPECT_EQ(reason_of({.file = R"({"format":0,"id":"x"})"}, {}), Reason::kArtifactNotSupported);
    EXPECT_EQ(reason_of({.file = R"({"format":2,"all":"new"})"}, {}), Reason::kArtifactNotSupported);
    const FoundRepository readable{.file = print_repository({.id = "x", .required_to_write = {"sealed"}})};
    EXPECT_TRUE(decide_repository(readable, {.use = RepositoryUse::kRead}));
    EXPECT_EQ(reason_of(readable, {.use = RepositoryUse::kWrite}), Reason::kArtifactNotSupported);
    EXPECT_EQ(reason_of({.file = print_repository({.id = "x", .required_to_read = {"sealed"}})}, {}),
              Reason::kArtifactNotSupported);
    for (const auto* text :
         {"", "{}", "[]", R"({"format":1})", R"({"format":1,"id":"A","requiredToRead":[],"requiredToWrite":[]})",
          R"({"format":1,"id":"a","requiredToRead":[],"requiredToWrite":[],"x":1})"}) {
        EXPECT_EQ(reason_of({.file = text}, {}), Reason::kArtifactDamaged) << text;
    }
}

TEST(Owner, KeepsItsName) {
    const Owner mine{.cluster = "c1", .name_space = "db", .source = "prod"};
    EXPECT_EQ(parse_owner(print_owner(mine)).value(), mine);
    EXPECT_EQ(decide_owner(std::nullopt, mine).value(), OwnerDecision::kCreate);
    EXPECT_EQ(decide_owner(print_owner(mine), mine).value(), OwnerDecision::kGoOn);
    for (const auto& other : {Owner{"c2", "db", "prod"}, Owner{"c1", "x", "prod"}, Owner{"c1", "db", "x"}}) {
        const auto refused = decide_owner(print_owner(other), mine);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().reason, Reason::kSourceNameTaken);
    }
    EXPECT_EQ(decide_owner("{}", mine).error().reason, Reason::kArtifactDamaged);
}

TEST(Owner, ThatIsRefusedNamesBothSides) {
    const Owner mine{.cluster = "c1", .name_space = "db", .source = "prod"};
    EXPECT_EQ(
        decide_owner(print_owner({"c2", "db", "prod"}), mine).error().message,
        "the name belongs to source \"prod\" in namespace \"db\" of cluster \"c2\", and this is source \"prod\" in "
        "namespace \"db\" of cluster \"c1\"");
}

TEST(Owner, OfAClusterThatIsNotKnownIsToldByItsNamespaceAlone) {
    const Owner known{.cluster = "c1", .name_space = "db", .source = "prod"};
    const Owner unknown{.name_space = "db", .source = "prod"};
    EXPECT_EQ(decide_owner(print_owner(known), unknown).value(), OwnerDecision::kGoOn);
    EXPECT_EQ(decide_owner(print_owner(unknown), known).value(), OwnerDecision::kGoOn);
    const auto refused = decide_owner(print_owner({.name_space = "shop", .source = "prod"}), known);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message,
              "the name belongs to source \"prod\" in namespace \"shop\", and this is source \"prod\" in namespace "
              "\"db\" of cluster \"c1\"");
}

TEST(Intent, SurvivesItsTextAndIsHeldToItsName) {
    const auto deadline = base::SystemTime(std::chrono::seconds(1'795'693'361));
    const Intent intent{
        .repository = "9f0c", .run = {.uid = "a", .attempt = 2}, .origin = {.name = "nightly-1"}, .deadline = deadline};
    EXPECT_EQ(parse_intent(print_intent(intent), deadline).value(), intent);
    EXPECT_FALSE(parse_intent(print_intent(intent), deadline + std::chrono::seconds(1)));
}

TEST(Hold, SurvivesItsTextWithAndWithoutAnEnd) {
    const Hold hold{.expires = base::SystemTime(std::chrono::seconds(1'795'693'361))};
    EXPECT_EQ(parse_hold(print_hold(hold)).value(), hold);
    EXPECT_EQ(parse_hold(print_hold({})).value(), Hold{});
    EXPECT_EQ(parse_hold(R"({"format":2})").error().reason, Reason::kArtifactNotSupported);
    for (const auto* text :
         {"", "{}", R"({"format":1,"x":1})", R"({"format":1,"expires":7})", R"({"format":1,"expires":"soon"})"}) {
        const auto parsed = parse_hold(text);
        ASSERT_FALSE(parsed) << text;
        EXPECT_EQ(parsed.error().reason, Reason::kArtifactDamaged) << text;
    }
}

}  // namespace
}  // namespace n4b::format
