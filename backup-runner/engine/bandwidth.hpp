#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <stop_token>

#include "backup-runner/catchup/session.hpp"
#include "common/base/clock.hpp"

namespace n4b::engine {

/// How long to wait so that bytes flow at a rate: a token bucket that may be in debt, since bytes have arrived before
/// they are counted. An idle time counts for at most kBurst, so that any ten seconds stay within 5 % of the rate. Pure:
/// `now` is a parameter and never goes back; one thread.
class TokenBucket {
public:
    static constexpr std::chrono::milliseconds kBurst{50};

    /// `rate`: bytes per second, > 0.
    TokenBucket(std::int64_t rate, base::SteadyTime now) : rate_(rate), paid_until_(now) {}

    /// Counts bytes that have arrived; the time until more may be read.
    std::chrono::nanoseconds take(std::int64_t bytes, base::SteadyTime now);

private:
    std::int64_t rate_;
    base::SteadyTime paid_until_;  ///< When what was taken so far is paid for.
};

/// One limit for all connections of a run. Whoever received bytes is held here before it reads on, so that the kernel's
/// window fills and the server slows down. Thread-safe.
class BandwidthLimit {
public:
    /// `rate`: bytes per second; 0: none.
    BandwidthLimit(std::int64_t rate, const base::Clock& clock)
        : limited_(rate > 0),
          clock_(clock),
          bucket_(std::max<std::int64_t>(rate, 1), clock.steady_now()),
          urgent_(std::max<std::int64_t>(rate, 1), clock.steady_now()) {}

    /// Blocks until these bytes and all before them are paid for, or the stop.
    void pass(std::size_t bytes, const std::stop_token& stop);

    /// The same, but waits only for what passed here: others wait for it, and it for nobody.
    void pass_urgent(std::size_t bytes, const std::stop_token& stop);

private:
    void hold(std::chrono::nanoseconds span, const std::stop_token& stop) const;

    const bool limited_;
    const base::Clock& clock_;
    std::mutex mutex_{};  ///< Guards the buckets.
    TokenBucket bucket_;  ///< All bytes.
    TokenBucket urgent_;  ///< The urgent ones once more.
};

/// Holds transactions back, and passes them on. They go before files: a log that is read slower than it grows is pruned
/// before it has been read, and transactions are so small that waiting in turn with a file's pieces would be just that.
class LimitedTransactions final : public catchup::TransactionReceiver {
public:
    LimitedTransactions(catchup::TransactionReceiver& next, BandwidthLimit& limit, std::stop_token stop)
        : next_(next), limit_(limit), stop_(std::move(stop)) {}

    base::Result<void> begin(std::size_t bytes) override;
    base::Result<void> data(std::span<const std::byte> bytes) override;
    base::Result<void> end() override { return next_.end(); }

private:
    catchup::TransactionReceiver& next_;
    BandwidthLimit& limit_;
    const std::stop_token stop_;
};

}  // namespace n4b::engine
