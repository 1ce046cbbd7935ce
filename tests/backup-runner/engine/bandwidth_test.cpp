#include "backup-runner/engine/bandwidth.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace n4b::engine {
namespace {

using namespace std::chrono_literals;

/// Readers that take pieces and wait as told, on a clock that jumps to whoever is due next; bytes until `span`.
std::int64_t flowed(std::int64_t rate, std::int64_t piece, std::size_t readers, std::chrono::nanoseconds idle,
                    std::chrono::nanoseconds span) {
    const base::SteadyTime start{};
    TokenBucket bucket(rate, start);
    std::vector<base::SteadyTime> due(readers, start + idle);
    std::int64_t bytes = 0;
    for (;;) {
        const auto next = std::min_element(due.begin(), due.end());
        const auto now = *next;
        if (now >= start + idle + span) return bytes;
        *next = now + bucket.take(piece, now);
        bytes += piece;
    }
}

TEST(TokenBucket, StaysWithinFivePercentOverTenSeconds) {
    const struct {
        std::int64_t rate, piece;
        std::size_t readers;
        std::chrono::seconds idle;
    } cases[]{
        {64 * 1024, 8192, 1, 0s}, {1 << 20, 8192, 1, 0s},      {1 << 20, 8192, 9, 0s},    {1 << 20, 100, 9, 0s},
        {100 << 20, 8192, 4, 0s}, {100 << 20, 8192, 4, 3600s}, {1 << 20, 8192, 9, 3600s}, {1 << 30, 8192, 8, 0s},
    };
    for (const auto& c : cases) {
        const auto bytes = static_cast<double>(flowed(c.rate, c.piece, c.readers, c.idle, 10s));
        const auto wanted = 10.0 * static_cast<double>(c.rate);
        // A reader has each its piece in hand when the time begins.
        const auto slack = 0.05 * wanted + static_cast<double>(c.readers) * static_cast<double>(c.piece);
        EXPECT_NEAR(bytes, wanted, c.rate > 64 * 1024 ? 0.05 * wanted : slack)
            << c.rate << " by " << c.readers << " readers of " << c.piece;
    }
}

TEST(TokenBucket, DoesNotHoldBackWhatIsSlowerAnyway) {
    const base::SteadyTime start{};
    TokenBucket bucket(1000, start);
    for (int i = 1; i < 100; ++i) EXPECT_EQ(bucket.take(40, start + i * 50ms), 0ns) << i;
    EXPECT_GT(bucket.take(1000, start + 10s), 0ns);
}

TEST(BandwidthLimit, HoldsAllThreadsTogetherToTheRate) {
    constexpr std::int64_t kRate = 20 << 20;
    const base::RealClock clock;
    BandwidthLimit limit(kRate, clock);
    std::atomic<std::int64_t> bytes = 0;
    const auto start = std::chrono::steady_clock::now();
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back([&] {
                while (std::chrono::steady_clock::now() < start + 1s) {
                    limit.pass(8192, {});
                    bytes += 8192;
                }
            });
        }
    }
    const auto took = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    // Never faster, bursts apart; a busy machine may make it slower.
    EXPECT_LT(static_cast<double>(bytes) / took, 1.06 * kRate);
    EXPECT_GT(bytes, 0);
}

TEST(BandwidthLimit, TransactionsWaitForNoFile) {
    constexpr std::int64_t kRate = 4 << 20;
    const base::RealClock clock;
    BandwidthLimit limit(kRate, clock);
    std::atomic<std::int64_t> bytes = 0;
    std::stop_source pulled;
    const auto start = std::chrono::steady_clock::now();
    {
        std::vector<std::jthread> files;
        for (int i = 0; i < 4; ++i) {
            files.emplace_back([&, stop = pulled.get_token()] {
                while (!stop.stop_requested()) {
                    limit.pass(8192, stop);
                    bytes += 8192;
                }
            });
        }
        // A third of a second's worth alone, and half a minute if each waited for a piece of every file.
        for (int i = 0; i < 2000; ++i) {
            limit.pass_urgent(700, {});
            bytes += 700;
        }
        pulled.request_stop();
    }
    const auto took = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    EXPECT_LT(took, 15);
    // All together within the rate; the four pieces in hand at the end, a piece that each counted before it slept, and
    // a burst come on top.
    EXPECT_LT(static_cast<double>(bytes) - 8 * 8192, 1.06 * kRate * (took + 0.1));
}

TEST(BandwidthLimit, LetsGoWhenStopped) {
    const base::RealClock clock;
    BandwidthLimit limit(1, clock);
    std::stop_source stop;
    const std::jthread stopper([&] { stop.request_stop(); });
    limit.pass(1 << 30, stop.get_token());  // Would take 34 years.
    SUCCEED();
}

}  // namespace
}  // namespace n4b::engine
