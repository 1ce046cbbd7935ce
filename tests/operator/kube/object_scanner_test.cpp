#include "operator/kube/object_scanner.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace n4b::kube {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;

/// What came out of a text that was fed in pieces of that length.
struct Scanned {
    explicit Scanned(std::string_view text, std::size_t piece = std::string::npos, ObjectLimits limits = {}) {
        ObjectScanner scanner(
            limits,
            [this](const ScannedObject& item) {
                items.emplace_back(item.text);
                too_large.push_back(item.too_large);
                return true;
            },
            [this](const ScannedDocument& document) {
                types.emplace_back(document.type);
                metadata.emplace_back(document.metadata);
                has_items = document.has_items;
                if (document.has_object) {
                    objects.emplace_back(document.object.text);
                    too_large.push_back(document.object.too_large);
                }
                return true;
            });
        while (!text.empty() && ok) {
            ok = scanner.feed(text.substr(0, piece)).value_or(false);
            text.remove_prefix(std::min(piece, text.size()));
        }
        complete = scanner.complete();
    }
    std::vector<std::string> items{};
    std::vector<std::string> objects{};
    std::vector<std::string> types{};
    std::vector<std::string> metadata{};
    std::vector<bool> too_large{};
    bool has_items = false;
    bool ok = true;
    bool complete = false;
};

constexpr char kList[] = R"( { "apiVersion" : "v1", "items": [
    {"a": "\"}]{[,:\\", "b": [1, -2.5e3, true , null], "items": [{"x": 1}], "metadata": {"name": "n"}},
    null , 5, "text", [], {"type": "t", "object": {}} ], "kind": "List",
    "metadata": {"continue": "c", "resourceVersion": "7", "items": [1]} } )";

TEST(ObjectScanner, TakesListsApartWhereverTheyAreCut) {
    for (std::size_t piece = 1; piece < 40; ++piece) {
        const Scanned scanned(kList, piece);
        EXPECT_TRUE(scanned.ok);
        EXPECT_TRUE(scanned.complete);
        EXPECT_TRUE(scanned.has_items);
        EXPECT_THAT(
            scanned.items,
            ElementsAre(R"({"a":"\"}]{[,:\\","b":[1,-2.5e3,true,null],"items":[{"x":1}],"metadata":{"name":"n"}})",
                        "null", "5", R"("text")", "[]", R"({"type":"t","object":{}})"))
            << piece;
        EXPECT_THAT(scanned.metadata, ElementsAre(R"({"continue":"c","resourceVersion":"7","items":[1]})"));
        EXPECT_THAT(scanned.types, ElementsAre(""));
    }
}

constexpr char kWatch[] = R"({"type":"ADDED","object":{"metadata":{"name":"a"},"spec":{}}}
{"object":{"kind":"Status","code":410},"type":"ERROR"}
{"type":"BOOKMARK","object":null}
{"type":"DELETED"}
)";

TEST(ObjectScanner, TakesWatchesApartWhereverTheyAreCut) {
    for (std::size_t piece = 1; piece < 40; ++piece) {
        const Scanned scanned(kWatch, piece);
        EXPECT_TRUE(scanned.ok);
        EXPECT_TRUE(scanned.complete);
        EXPECT_THAT(scanned.types, ElementsAre(R"("ADDED")", R"("ERROR")", R"("BOOKMARK")", R"("DELETED")"));
        EXPECT_THAT(scanned.objects,
                    ElementsAre(R"({"metadata":{"name":"a"},"spec":{}})", R"({"kind":"Status","code":410})", "null"));
    }
}

TEST(ObjectScanner, LeavesOutWhatRepeatsTheObject) {
    const Scanned scanned(R"({"items": [{"metadata": {"annotations": {
        "a": "b", "kubectl.kubernetes.io/last-applied-configuration": "{\"spec\": {}}", "c": "d"},
        "managedFields": [{"fieldsV1": {"f:spec": {"a": [1, {}]}}}, {}], "name": "n"},
        "spec": {"managedFields": 1, "annotations": {"kubectl.kubernetes.io/last-applied-configuration": 2}}}]})");
    ASSERT_EQ(scanned.items.size(), 1U);
    EXPECT_EQ(json::parse(scanned.items[0]), json::parse(R"({"metadata": {"annotations": {
        "a": "b", "kubectl.kubernetes.io/last-applied-configuration": null, "c": "d"},
        "managedFields": null, "name": "n"},
        "spec": {"managedFields": 1, "annotations": {"kubectl.kubernetes.io/last-applied-configuration": 2}}})"));
}

json object_with(const json& spec) {
    return {{"apiVersion", "v1"},
            {"kind", "K"},
            {"metadata", {{"labels", {{"a", "b"}}}, {"name", "n"}, {"namespace", "ns"}, {"uid", "u"}}},
            {"spec", spec},
            {"status", {{"s", 1}}}};
}

TEST(ObjectScanner, KeepsTheMetadataOfAnObjectThatIsTooLarge) {
    json many = json::array();
    for (int i = 0; i < 300; ++i) many.push_back("x");
    json deep = 1;
    for (int i = 0; i < 70; ++i) deep = json::array({deep});
    for (const auto& spec : {json{{"long", std::string(3000, 'x')}}, json{{"many", many}}, json{{"deep", deep}}}) {
        const auto large = object_with(spec);
        const auto small = object_with({{"x", 1}});
        const auto text = json{{"items", {small, large, small}}}.dump();
        for (const std::size_t piece : {std::size_t{1}, std::size_t{50}, text.size()}) {
            const Scanned scanned(text, piece, {.bytes = 2000, .values = 200});
            ASSERT_EQ(scanned.items.size(), 3U);
            EXPECT_EQ(scanned.too_large, (std::vector{false, true, false}));
            EXPECT_EQ(json::parse(scanned.items[0]), small);
            EXPECT_EQ(json::parse(scanned.items[1])["metadata"], large["metadata"]);
            EXPECT_TRUE(json::parse(scanned.items[1])["spec"].is_null());
            EXPECT_TRUE(json::parse(scanned.items[1])["status"].is_null());
            EXPECT_EQ(json::parse(scanned.items[2]), small);
        }
    }
}

TEST(ObjectScanner, KeepsTheNameWhenTheMetadataItselfIsTooLarge) {
    json large = object_with(1);
    for (int i = 0; i < 5000; ++i) large["metadata"]["annotations"]["a" + std::to_string(i)] = "x";
    const Scanned scanned(json{{"items", {large}}}.dump(), 100, {.bytes = 2000, .values = 200});
    ASSERT_EQ(scanned.items.size(), 1U);
    EXPECT_TRUE(scanned.too_large[0]);
    const auto metadata = json::parse(scanned.items[0])["metadata"];
    EXPECT_EQ(metadata["name"], "n");
    EXPECT_EQ(metadata["uid"], "u");
    EXPECT_TRUE(metadata["annotations"].is_null());
}

TEST(ObjectScanner, AManagedFieldsAloneMakesNoObjectTooLarge) {
    json object = object_with(1);
    object["metadata"]["managedFields"] = std::string(100'000, 'x');
    const Scanned scanned(json{{"items", {object}}}.dump(), 100, {.bytes = 2000, .values = 200});
    EXPECT_EQ(scanned.too_large, std::vector{false});
}

TEST(ObjectScanner, RefusesWhatIsNoJsonObject) {
    for (const char* text : {"<html>", "[]", "5", "\"x\"", "}", R"({"a":]})", R"({"items":[}]})"}) {
        EXPECT_FALSE(Scanned(text).ok) << text;
    }
    EXPECT_FALSE(Scanned(R"({"metadata": ")" + std::string(100'000, 'x') + R"("})").ok);
    EXPECT_FALSE(Scanned(R"({"items": [")" + std::string(100'000, 'x') + R"("]})", 100, {.bytes = 1000}).ok);
    EXPECT_FALSE(Scanned(R"({"a":)" + std::string(20'000, '[')).ok);
}

TEST(ObjectScanner, KnowsThatTheEndIsMissing) {
    const std::string list = R"({"items":[{"a":"b"}],"metadata":{"x":12}})";
    for (std::size_t length = 1; length < list.size(); ++length) {
        EXPECT_FALSE(Scanned(list.substr(0, length)).complete) << length;
    }
    EXPECT_TRUE(Scanned(list).complete);
}

TEST(ObjectScanner, StopsWhenASinkHasHadEnough) {
    int items = 0;
    ObjectScanner scanner(
        {}, [&](const auto&) { return ++items < 2; }, [](const auto&) { return true; });
    EXPECT_EQ(scanner.feed(R"({"items":[1,2,3,4]})").value_or(true), false);
    EXPECT_EQ(items, 2);
}

TEST(ObjectScanner, TellsMetadataOfATextThatCantBeParsed) {
    EXPECT_EQ(json::parse(metadata_only(R"({"metadata":{"name":"n","uid":"u"},"spec":1e999,"a":[{"b":"c"}]})")),
              json::parse(R"({"metadata":{"name":"n","uid":"u"},"spec":null,"a":null})"));
}

}  // namespace
}  // namespace n4b::kube
