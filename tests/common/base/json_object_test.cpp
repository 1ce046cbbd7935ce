#include "common/base/json_object.hpp"

#include <gtest/gtest.h>

namespace n4b::base {
namespace {

TEST(ParseJson, NamesTheByteThatIsWrong) {
    const auto result = parse_json(R"({"a": 1,})", 100, "thing");
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().message, "thing: not JSON at byte 9");
}

TEST(ParseJson, RefusesNumbersBeyondADouble) {
    const auto result = parse_json(R"({"a": 4e4444})", 100, "thing");
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().message, "thing: a number is out of range");
}

TEST(ParseJson, RefusesDeepNesting) {
    EXPECT_FALSE(parse_json(std::string(100000, '['), 1 << 20, "thing"));
    EXPECT_TRUE(parse_json(std::string(60, '[') + std::string(60, ']'), 1 << 20, "thing"));
}

TEST(JsonObject, NamesThePathOfAWrongType) {
    const Json json = Json::parse(R"({"list": [{"port": "x"}]})");
    JsonObject object(json, "spec");
    object.each("list", [](JsonObject& element) { element.required<std::int64_t>("port"); });
    EXPECT_EQ(object.finish().error().message, "spec.list[0].port: found string, expected a whole number");
}

TEST(JsonObject, RefusesUnknownFieldsOnlyWhenAsked) {
    const Json json = Json::parse(R"({"a": 1, "b": 2})");
    JsonObject object(json, "");
    object.required<std::int64_t>("a");
    EXPECT_TRUE(object.finish());
    object.refuse_unknown();
    EXPECT_EQ(object.finish().error().message, "b: unknown field");
}

TEST(JsonObject, KeepsTheFirstError) {
    const Json json = Json::parse("{}");
    JsonObject object(json, "");
    object.required<std::string>("first");
    object.required<std::string>("second");
    EXPECT_EQ(object.finish().error().message, "first: missing");
}

TEST(JsonObject, RefusesNumbersThatDoNotFit) {
    const Json json = Json::parse(R"({"n": 18446744073709551615, "f": 1.5})");
    JsonObject big(json, "");
    big.required<std::int64_t>("n");
    EXPECT_FALSE(big.finish());
    JsonObject fraction(json, "");
    fraction.required<std::int64_t>("f");
    EXPECT_FALSE(fraction.finish());
}

}  // namespace
}  // namespace n4b::base
