#pragma once

#include <mutex>
#include <optional>

#include "common/base/clock.hpp"
#include "operator/http/transport.hpp"

namespace n4b::kube {

/// The API server's time. What the operator compares it with (creation times, end times, conditions) was written by the
/// API server's clock, so a node whose clock is hours off ends no run and skips none.
///
/// The time is the local steady clock plus an offset that is learnt from the `Date` headers of answers. An answer says
/// only within which span the offset lies, since `Date` has whole seconds and the answer took a while. The offset moves
/// by the least that brings it into that span, so the clock does not wander between two answers, and steps backwards
/// only as far as an answer proves that it was ahead. Until the first answer the local system clock is used.
/// Thread-safe.
class ServerClock final : public base::Clock {
public:
    [[nodiscard]] base::SystemTime system_now() const override;
    [[nodiscard]] base::SteadyTime steady_now() const override { return std::chrono::steady_clock::now(); }

    /// An answer with this `Date`, whose request was sent and which was received at these local times.
    void learn(base::SystemTime date, base::SteadyTime sent, base::SteadyTime received);
    /// What system_now() says at that local time.
    [[nodiscard]] base::SystemTime at(base::SteadyTime local) const;
    /// Whether an answer has come yet.
    [[nodiscard]] bool learnt() const;

private:
    mutable std::mutex mutex_{};
    std::optional<std::chrono::milliseconds> offset_{};  ///< From the steady clock's epoch to the system clock's.
};

/// Passes calls on and tells the clock of each answer's `Date`. Thread-safe as the inner transport is.
class ClockedTransport final : public http::Transport {
public:
    ClockedTransport(http::Transport& inner, ServerClock& clock) : inner_(inner), clock_(clock) {}
    base::Result<http::Response> exchange(const http::Request& request, const std::stop_token& stop) override;
    base::Result<http::Response> stream(const http::Request& request, const http::PieceSink& sink,
                                        const std::stop_token& stop) override;

private:
    void learn(const base::Result<http::Response>& response, base::SteadyTime sent, base::SteadyTime received);
    http::Transport& inner_;
    ServerClock& clock_;
};

}  // namespace n4b::kube
