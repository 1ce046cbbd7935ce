#include "backup-runner/blocks/block_pool.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <utility>

namespace n4b::blocks {
namespace {

using namespace std::chrono_literals;
using base::Deadline;
using base::ErrorCode;

TEST(BlockPool, LendsNoMoreThanItHas) {
    BlockPool pool(2, 4096);
    auto first = pool.acquire({});
    const auto second = pool.acquire({});
    ASSERT_TRUE(first && second);
    EXPECT_EQ(first->bytes().size(), 4096U);
    EXPECT_NE(first->bytes().data(), second->bytes().data());
    const auto third = pool.acquire({.deadline = Deadline::after(20ms)});
    ASSERT_FALSE(third);
    EXPECT_EQ(third.error().code, ErrorCode::kDeadline);

    auto* const bytes = first->bytes().data();
    { const PooledBuffer given_back = std::move(*first); }
    const auto again = pool.acquire({});
    ASSERT_TRUE(again);
    EXPECT_EQ(again->bytes().data(), bytes) << "a buffer that was used before is used again";
}

TEST(BlockPool, WakesWhoWaitsWhenABufferComesBackOrAStopIsAsked) {
    BlockPool pool(1, 4096);
    auto held = pool.acquire({});
    std::stop_source stop;
    base::Result<PooledBuffer> got = base::fail(ErrorCode::kInternal, "");
    {
        const std::jthread waiter([&] { got = pool.acquire({.stop = stop.get_token()}); });
        *held = PooledBuffer();
    }
    EXPECT_TRUE(got);
    base::Result<PooledBuffer> stopped = base::fail(ErrorCode::kInternal, "");
    {
        const std::jthread waiter([&] { stopped = pool.acquire({.stop = stop.get_token()}); });
        stop.request_stop();
    }
    ASSERT_FALSE(stopped);
    EXPECT_EQ(stopped.error().code, ErrorCode::kCancelled);
}

}  // namespace
}  // namespace n4b::blocks
