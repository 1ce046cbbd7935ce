#include "operator/kube/client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/support/fake_api_script.hpp"

namespace n4b::kube {
namespace {

using base::ErrorCode;
using ::testing::HasSubstr;

TEST(Client, TakesAStatusForWhatItIsWhateverItsBodySays) {
    for (const char* body : {R"({"message":null,"reason":5})", R"({"message":[],"reason":{}})", "[]", "<html>", ""}) {
        testing::FakeApiScript transport;
        transport.answer(503, body);
        Client client(transport, {});
        const auto listed = client.list("/p", "", [](const auto&) {});
        ASSERT_FALSE(listed);
        EXPECT_EQ(listed.error().code, ErrorCode::kUnavailable) << body;
        EXPECT_THAT(listed.error().message, HasSubstr("HTTP 503")) << body;
    }
}

TEST(Client, PassesAWatchEventOfWrongTypes) {
    testing::FakeApiScript transport;
    transport.lines = {R"({"type":5,"object":{"metadata":{"resourceVersion":7}}})",
                       R"({"type":"ADDED","object":{"metadata":[]}})",
                       R"({"type":"ERROR","object":{"code":"x","message":null}})"};
    Client client(transport, {});
    std::vector<WatchEvent::Type> types;
    const auto done = client.watch({.path = "/p"},
                                   [&](const WatchEvent& event, const auto*) {
                                       types.push_back(event.type);
                                       return true;
                                   },
                                   {});
    EXPECT_TRUE(done);
    EXPECT_EQ(types, (std::vector{WatchEvent::Type::kApplied, WatchEvent::Type::kApplied, WatchEvent::Type::kError}));
}

TEST(Client, AListIsNoListWhenItsEndIsMissingOrItIsNone) {
    for (const char* body :
         {R"({"items":[{"metadata":{"name":"a"}}])", R"({"items":[{"metadata")", R"({"metadata":{}})",
          R"({"items":{}})", R"({"items":"none"})", "[]", "<html>", "", "null"}) {
        testing::FakeApiScript transport;
        transport.answer(200, body);
        Client client(transport, {});
        EXPECT_FALSE(client.list("/p", "", [](const auto&) {})) << body;
    }
    testing::FakeApiScript transport;
    transport.answer(200, R"({"items": null, "metadata": {"resourceVersion": "5", "continue": "t"}})");
    Client client(transport, {});
    const auto listed = client.list("/p", "", [](const auto&) {});
    ASSERT_TRUE(listed);
    EXPECT_EQ(listed->resource_version, "5");
    EXPECT_EQ(listed->continue_token, "t");
}

TEST(Client, HandsOverWhatItCreated) {
    testing::FakeApiScript transport;
    transport.answer(201, R"({"metadata":{"uid":"u-1"}})");
    Client client(transport, {});
    std::string uid;
    EXPECT_TRUE(client.create("/p", "{}", [&](const auto& object) { uid = object["metadata"]["uid"]; }));
    EXPECT_EQ(uid, "u-1");
    EXPECT_TRUE(client.create("/p", "{}"));
}

TEST(Client, TellsAPatchThatDidNotApplyFromAnObjectThatIsRefused) {
    struct Case {
        int status;
        const char* body;
        ErrorCode code;
    };
    const Case cases[] = {
        // What Kubernetes 1.34 answers to a failed test, and to a member that is not there.
        {422,
         R"({"kind":"Status","status":"Failure","reason":"Invalid","details":{},"code":422,
             "message":"the server rejected our request due to an error in our request"})",
         ErrorCode::kConflict},
        {422, R"({"reason":"Invalid","message":"testing value /metadata/uid failed: test failed"})",
         ErrorCode::kConflict},
        {409, R"({"reason":"Conflict","message":"the object has been modified"})", ErrorCode::kConflict},
        {422,
         R"({"reason":"Invalid","message":"Job.batch \"j\" is invalid: spec.template: field is immutable",
             "details":{"name":"j","kind":"Job","causes":[{"field":"spec.template"}]}})",
         ErrorCode::kInvalid},
        {422, R"({"reason":"Invalid","message":"admission webhook \"w\" denied the request: no"})",
         ErrorCode::kInvalid},
        {422, "", ErrorCode::kInvalid},
        {400, R"({"reason":"BadRequest","message":"error decoding patch"})", ErrorCode::kInvalid},
        {404, R"({"reason":"NotFound"})", ErrorCode::kNotFound},
        // What the API server says of every custom resource until it has read its definitions again after a restart.
        {404, "404 page not found\n", ErrorCode::kUnavailable},
    };
    for (const auto& c : cases) {
        testing::FakeApiScript transport;
        transport.answer(c.status, c.body);
        Client client(transport, {});
        const auto done = client.json_patch("/p/j", "[]");
        ASSERT_FALSE(done) << c.body;
        EXPECT_EQ(done.error().code, c.code) << c.body;
        EXPECT_EQ(transport.requests[0].method, "PATCH");
        EXPECT_EQ(transport.requests[0].content_type, "application/json-patch+json");
    }
}

TEST(Client, RemovesOnlyTheStateThatWasMeant) {
    const auto remove = [](int status, const char* message, const char* version) {
        testing::FakeApiScript transport;
        const auto* reason = status == 404 ? "NotFound" : "Conflict";
        transport.answer(status, nlohmann::json{{"reason", reason}, {"message", message}}.dump());
        Client client(transport, {});
        const auto done = client.remove("/p/j", "u", version);
        const auto options = nlohmann::json::parse(transport.requests.at(0).body);
        EXPECT_EQ(options["preconditions"]["uid"], "u");
        EXPECT_EQ(options["preconditions"].contains("resourceVersion"), *version != 0);
        return done ? std::nullopt : std::optional(done.error().code);
    };
    constexpr char kChanged[] =
        "Precondition failed: ResourceVersion in precondition: 5, ResourceVersion in object meta: 6";
    constexpr char kOther[] = "Precondition failed: UID in precondition: u, UID in object meta: v";
    EXPECT_EQ(remove(200, "", "5"), std::nullopt);
    EXPECT_EQ(remove(200, "", ""), std::nullopt);
    EXPECT_EQ(remove(404, "", "5"), std::nullopt);
    EXPECT_EQ(remove(409, kOther, "5"), std::nullopt);
    EXPECT_EQ(remove(409, kChanged, "5"), ErrorCode::kConflict);
    EXPECT_EQ(remove(403, "", "5"), ErrorCode::kPermissionDenied);
}

}  // namespace
}  // namespace n4b::kube
