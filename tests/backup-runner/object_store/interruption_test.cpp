#include <gmock/gmock.h>

#include <thread>

#include "tests/backup-runner/object_store/conformance.hpp"

namespace n4b::object_store {
namespace {

using base::ErrorCode;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kBodyBytes = 2'000'000;

TEST_P(ConformanceTest, AStopAtAnyMomentLeavesAWholeObjectOrNone) {
    const auto body = random_bytes(kBodyBytes, 1);
    int stopped = 0;
    for (int i = 0; i < 30; ++i) {
        const auto key = fmt::format("s/{:02}", i);
        std::stop_source stop;
        base::Result<Creation> created = Creation::kTaken;
        {
            const std::jthread stopper([&, i] {
                std::this_thread::sleep_for(microseconds(i * 500));
                stop.request_stop();
            });
            created = store().create(key, body, {.stop = stop.get_token()});
        }
        if (!created) {
            EXPECT_EQ(created.error().code, ErrorCode::kCancelled) << created.error().message;
            ++stopped;
        }
        const auto info = store().stat(key, {});
        if (info) {
            EXPECT_EQ(info->bytes, static_cast<std::int64_t>(kBodyBytes));
        } else {
            EXPECT_EQ(info.error().code, ErrorCode::kNotFound) << info.error().message;
            EXPECT_FALSE(created) << "an object that was created is gone";
        }
    }
    EXPECT_GT(stopped, 0) << "no stop came in time";
}

TEST_P(ConformanceTest, AReadThatWasStoppedIsNoRead) {
    const auto body = random_bytes(kBodyBytes, 2);
    ASSERT_TRUE(store().put("r", body, {}));
    for (int i = 0; i < 30; ++i) {
        std::stop_source stop;
        std::vector<std::byte> into(kBodyBytes);
        base::Result<std::size_t> got = 0;
        {
            const std::jthread stopper([&, i] {
                std::this_thread::sleep_for(microseconds(i * 200));
                stop.request_stop();
            });
            got = store().get("r", 0, into, {.stop = stop.get_token()});
        }
        if (got) {
            EXPECT_EQ(*got, kBodyBytes);
            EXPECT_TRUE(into == body);
        } else {
            EXPECT_EQ(got.error().code, ErrorCode::kCancelled) << got.error().message;
        }
    }
}

TEST(S3Interruption, AServerThatTakesNoMoreBytesIsLeftAtTheDeadlineOrAStop) {
    testing::ScriptedHttpServer server(
        [](const testing::HttpCall&) { return testing::HttpAnswer{}; },
        [](const testing::HttpCall&) {
            return std::optional(testing::HttpAnswer{.fault = testing::HttpFault::kFrozen});
        });
    const auto store = testing::s3_test_store({.port = server.port()});
    const std::vector<std::byte> body(64'000'000);
    const auto start = std::chrono::steady_clock::now();
    const auto late = store->put("k", body, {.deadline = base::Deadline::after(milliseconds(1500))});
    EXPECT_EQ(late.error().code, ErrorCode::kDeadline);
    std::stop_source stop;
    const std::jthread stopper([&] {
        std::this_thread::sleep_for(milliseconds(1500));
        stop.request_stop();
    });
    EXPECT_EQ(store->put("k", body, {.stop = stop.get_token()}).error().code, ErrorCode::kCancelled);
    EXPECT_LT(std::chrono::steady_clock::now() - start, seconds(8));
}

}  // namespace
}  // namespace n4b::object_store
