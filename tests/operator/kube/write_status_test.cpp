#include "operator/kube/write_status.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/support/fake_api_script.hpp"

namespace n4b::kube {
namespace {

using base::ErrorCode;
using nlohmann::json;

constexpr char kConditions[] = R"({"conditions":[{"type":"Succeeded","status":"False","message":"m"}]})";
constexpr char kInvalid[] = R"({"reason":"Invalid","message":"status.x: too long"})";

struct Written {
    base::Result<StatusWrite> run(const std::string& before, const std::string& after,
                                  const std::string& conditions = kConditions) {
        Client client(transport, {});
        return write_status(client, {.path = "/p/b", .resource_version = "7", .uid = "u"}, before, after, conditions);
    }
    [[nodiscard]] json body(std::size_t i) const { return json::parse(transport.requests.at(i).body); }

    testing::FakeApiScript transport{};
};

TEST(WriteStatus, WritesWhatDiffersFromTheStateThatWasRead) {
    Written w;
    w.transport.answer(200, "{}");
    const auto done =
        w.run(R"({"a":1,"b":{"x":1,"y":2},"gone":3,"list":[1]})", R"({"b":{"x":1,"y":5},"a":1,"list":[2]})");
    EXPECT_EQ(done, StatusWrite::kWritten);
    EXPECT_EQ(w.transport.requests.at(0).path, "/p/b/status");
    EXPECT_EQ(w.transport.requests.at(0).content_type, "application/merge-patch+json");
    EXPECT_EQ(w.body(0), json::parse(R"({"metadata":{"resourceVersion":"7","uid":"u"},
                                         "status":{"b":{"y":5},"gone":null,"list":[2]}})"));
}

TEST(WriteStatus, WritesTheWholeStatusWhenItDoesNotKnowWhatWasThere) {
    Written w;
    w.transport.answer(200, "{}");
    EXPECT_EQ(w.run("", R"({"a":1})"), StatusWrite::kWritten);
    EXPECT_EQ(w.body(0)["status"], json::parse(R"({"a":1})"));
}

TEST(WriteStatus, SendsNothingThatTheServerHasAlready) {
    Written w;
    EXPECT_EQ(w.run(R"({"a":1,"b":[{"c":2,"d":3}]})", R"({"b":[{"d":3,"c":2}],"a":1,"none":null})"),
              StatusWrite::kEqual);
    EXPECT_TRUE(w.transport.requests.empty());
}

TEST(WriteStatus, TellsADeletedObjectFromAChangedOne) {
    constexpr char kNotThere[] = R"({"reason":"NotFound","message":"m"})";
    struct Case {
        int status;
        const char* then;  ///< What a look at the object brings; null: 404.
        StatusWrite result;
    };
    for (const auto& c : {Case{404, nullptr, StatusWrite::kGone}, Case{409, nullptr, StatusWrite::kGone},
                          Case{409, R"({"metadata":{"uid":"u"}})", StatusWrite::kConflict},
                          Case{409, R"({"metadata":{"uid":"other"}})", StatusWrite::kGone}}) {
        Written w;
        w.transport.answer(c.status, c.status == 404 ? kNotThere : R"({"reason":"Conflict","message":"m"})");
        w.transport.answer(c.then != nullptr ? 200 : 404, c.then != nullptr ? c.then : kNotThere);
        EXPECT_EQ(w.run("", "{}"), c.result) << c.status;
    }
}

TEST(WriteStatus, WritesTheConditionsAloneWhenTheRestIsRefused) {
    Written w;
    w.transport.answer(422, kInvalid);
    w.transport.answer(200, "{}");
    // The 512th byte stands within a character, which goes as a whole.
    const auto message = std::string(511, 'x') + "\xC3\xA9" + std::string(1000, 'y');
    EXPECT_EQ(w.run("", R"({"x":"long"})", json{{"conditions", {{{"type", "Ready"}, {"message", message}}}}}.dump()),
              StatusWrite::kConditionsOnly);
    EXPECT_EQ(w.body(1)["metadata"]["resourceVersion"], "7");
    EXPECT_EQ(w.body(1)["status"]["conditions"][0]["message"], std::string(511, 'x'));
    EXPECT_FALSE(w.body(1)["status"].contains("x"));
}

TEST(WriteStatus, GivesUpWhenTheConditionsAreRefusedToo) {
    Written w;
    w.transport.answer(422, kInvalid);
    EXPECT_EQ(w.run("", R"({"x":"long"})"), StatusWrite::kRefused);
    EXPECT_EQ(w.transport.requests.size(), 2U);
}

TEST(WriteStatus, TooLargeForTheStorageCountsAsRefused) {
    Written w;
    w.transport.answer(413, R"({"reason":"RequestEntityTooLarge","message":"too large"})");
    EXPECT_EQ(w.run("", "{}"), StatusWrite::kRefused);
}

TEST(WriteStatus, PassesOnWhatPassesWithTime) {
    for (const auto& [status, code] : std::vector<std::pair<int, ErrorCode>>{{403, ErrorCode::kPermissionDenied},
                                                                             {429, ErrorCode::kThrottled},
                                                                             {500, ErrorCode::kUnavailable},
                                                                             {504, ErrorCode::kUnavailable}}) {
        Written w;
        w.transport.answer(status, "{}");
        const auto done = w.run("", "{}");
        ASSERT_FALSE(done) << status;
        EXPECT_EQ(done.error().code, code);
    }
    Written w;
    w.transport.answers.emplace_back(base::fail(ErrorCode::kDeadline, "no answer in time"));
    EXPECT_EQ(w.run("", "{}").error().code, ErrorCode::kDeadline);
}

}  // namespace
}  // namespace n4b::kube
