#include "operator/kube/client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
    const auto done = client.watch("/p", "",
                                   [&](const WatchEvent& event, const auto*) {
                                       types.push_back(event.type);
                                       return true;
                                   },
                                   {});
    EXPECT_TRUE(done);
    EXPECT_EQ(types, (std::vector{WatchEvent::Type::kApplied, WatchEvent::Type::kApplied, WatchEvent::Type::kError}));
}

}  // namespace
}  // namespace n4b::kube
