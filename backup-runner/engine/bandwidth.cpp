#include "backup-runner/engine/bandwidth.hpp"

#include <algorithm>

#include "common/base/pause.hpp"

namespace n4b::engine {
namespace {

/// What the protocol adds to each transaction: two frame lengths, a type, a store id.
constexpr std::size_t kTransactionFrameBytes = 4 + 1 + 4 + 33;

}  // namespace

std::chrono::nanoseconds TokenBucket::take(std::int64_t bytes, base::SteadyTime now) {
    const auto cost = std::chrono::duration<double>(static_cast<double>(bytes) / static_cast<double>(rate_));
    paid_until_ = std::max(paid_until_, now - kBurst) + std::chrono::duration_cast<std::chrono::nanoseconds>(cost);
    return std::max(paid_until_ - now, std::chrono::nanoseconds(0));
}

void BandwidthLimit::pass(std::size_t bytes, const std::stop_token& stop) {
    if (!limited_ || bytes == 0) return;
    std::unique_lock lock(mutex_);
    const auto wait = bucket_.take(static_cast<std::int64_t>(bytes), clock_.steady_now());
    lock.unlock();
    hold(wait, stop);
}

void BandwidthLimit::pass_urgent(std::size_t bytes, const std::stop_token& stop) {
    if (!limited_ || bytes == 0) return;
    std::unique_lock lock(mutex_);
    const auto now = clock_.steady_now();
    bucket_.take(static_cast<std::int64_t>(bytes), now);
    const auto wait = urgent_.take(static_cast<std::int64_t>(bytes), now);
    lock.unlock();
    hold(wait, stop);
}

void BandwidthLimit::hold(std::chrono::nanoseconds span, const std::stop_token& stop) const {
    if (span.count() != 0) base::pause(span, stop);
}

base::Result<void> LimitedTransactions::begin(std::size_t bytes) {
    limit_.pass_urgent(kTransactionFrameBytes, stop_);
    return next_.begin(bytes);
}

base::Result<void> LimitedTransactions::data(std::span<const std::byte> bytes) {
    limit_.pass_urgent(bytes.size(), stop_);
    return next_.data(bytes);
}

}  // namespace n4b::engine
