#include "operator/api/duration.hpp"

#include <gtest/gtest.h>

#include "common/base/json_object.hpp"

namespace n4b::api {
namespace {

using std::chrono::milliseconds;

TEST(Duration, IsLeftAloneWhereItIsNotGiven) {
    const auto json = base::Json::parse(R"({"start": "90s", "null": null, "number": 5, "wrong": "soon"})");
    base::JsonObject object(json, "spec");
    milliseconds span(7);
    read_duration(object, "none", span);
    read_duration(object, "null", span);
    EXPECT_EQ(span, milliseconds(7));
    read_duration(object, "start", span);
    EXPECT_EQ(span, std::chrono::seconds(90));
    EXPECT_TRUE(object.finish());
    for (const char* key : {"number", "wrong"}) {
        base::JsonObject strict(json, "spec");
        read_duration(strict, key, span);
        ASSERT_FALSE(strict.finish());
        EXPECT_NE(strict.finish().error().message.find(std::string("spec.") + key), std::string::npos);
    }
    EXPECT_EQ(span, std::chrono::seconds(90));
}

}  // namespace
}  // namespace n4b::api
