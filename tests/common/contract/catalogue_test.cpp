#include "common/contract/catalogue.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace n4b::contract {
namespace {

using ::testing::HasSubstr;

ChainRecord full_record() {
    const auto at = [](int s) { return base::SystemTime(std::chrono::seconds(1'790'000'000 + s)); };
    return {.source = "Prod_1.x",
            .database = "graph.db",
            .chain = "20261122T215049Z-3f9c21",
            .tip = "20261122T215049Z-3f9c21-000002-incr-0000000000000000077-u-1-w0123ab",
            .artifacts = 3,
            .store_id = std::string(64, 'a'),
            .earliest_restorable = 9,
            .highest_transaction = 77,
            .stored_bytes = 1 << 30,
            .restorable_from = at(1),
            .recoverable_to = at(2),
            .current_at = at(3)};
}

CataloguePage page_of(std::vector<ChainRecord> chains) {
    return {.run_uid = "u-1", .attempt = 2, .page = 0, .pages = 1, .chains = std::move(chains)};
}

std::string refusal(std::string text, const std::string& part, const std::string& instead) {
    const auto at = text.find(part);
    EXPECT_NE(at, std::string::npos) << part;
    const auto parsed = parse_catalogue_page(text.replace(at, part.size(), instead));
    return parsed ? "taken" : parsed.error().message;
}

TEST(CataloguePage, ComesBackAsItWent) {
    auto damaged = full_record();
    damaged.reason = base::Reason::kArtifactDamaged;
    damaged.message = "a head is cut";
    for (const auto& page : {page_of({}), page_of({full_record()}), page_of({full_record(), damaged})}) {
        const auto read = parse_catalogue_page(to_json(page));
        ASSERT_TRUE(read) << read.error().message;
        EXPECT_EQ(*read, page);
    }
}

TEST(CataloguePage, OfHundredChainsWithLongMessagesFits) {
    auto damaged = full_record();
    damaged.source = damaged.database = std::string(128, 'd');
    damaged.reason = base::Reason::kArtifactDamaged;
    damaged.message = std::string(5'000, '\x01');
    const auto text = to_json(page_of(std::vector(kChainsOnPage, damaged)));
    EXPECT_LE(text.size(), 2 * kMaxCataloguePageBytes) << "escapes make one byte six";
    damaged.message = std::string(5'000, 'm');
    EXPECT_TRUE(parse_catalogue_page(to_json(page_of(std::vector(kChainsOnPage, damaged)))));
}

TEST(CataloguePage, ThatBecomesAnObjectIsReadStrictly) {
    const auto text = to_json(page_of({full_record()}));
    EXPECT_THAT(refusal(text, "Prod_1.x", "../prod"), HasSubstr("chains[0].source"));
    EXPECT_THAT(refusal(text, "graph.db", "a/b"), HasSubstr("chains[0].database"));
    EXPECT_THAT(refusal(text, R"("chain":"20261122T215049Z-3f9c21")", R"("chain":"a b")"),
                HasSubstr("chains[0].chain"));
    EXPECT_THAT(refusal(text, R"("chain":"20261122T215049Z-3f9c21")", R"("chain":"")"), HasSubstr("chains[0].chain"));
    EXPECT_THAT(refusal(text, R"("artifacts":3)", R"("artifacts":0)"), HasSubstr("chains[0].artifacts"));
    EXPECT_THAT(refusal(text, R"("highestTransaction":77)", R"("highestTransaction":-1)"),
                HasSubstr("chains[0].highestTransaction"));
    EXPECT_THAT(refusal(text, R"("recoverableTo":")", R"("recoverableTo":"x)"), HasSubstr("chains[0].recoverableTo"));
    EXPECT_THAT(refusal(text, R"("page":0)", R"("page":1)"), HasSubstr("page: found 1 of 1"));
    EXPECT_THAT(refusal(text, R"("pages":1)", R"("pages":101)"), HasSubstr("expected at most 100"));
    EXPECT_FALSE(parse_catalogue_page("[]"));
    EXPECT_FALSE(parse_catalogue_page(std::string(kMaxCataloguePageBytes + 1, ' ')));
    const auto too_many = to_json(page_of(std::vector(kChainsOnPage + 1, full_record())));
    EXPECT_THAT(parse_catalogue_page(too_many).error().message, HasSubstr("found 101, expected at most 100"));
}

TEST(CatalogueDigest, TellsPagesApartAndTheirOrder) {
    EXPECT_EQ(catalogue_digest({"a", "b"}).size(), 16U);
    EXPECT_EQ(catalogue_digest({"a", "b"}), catalogue_digest({"a", "b"}));
    EXPECT_NE(catalogue_digest({"a", "b"}), catalogue_digest({"b", "a"}));
    EXPECT_NE(catalogue_digest({}), catalogue_digest({"a"}));
}

}  // namespace
}  // namespace n4b::contract
