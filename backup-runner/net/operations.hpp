#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <optional>
#include <stop_token>
#include <utility>

#include "common/base/clock.hpp"
#include "common/base/result.hpp"

namespace n4b::net {

/// Runs one asynchronous operation at a time to its end, the deadline or the stop, whichever comes first. This is what
/// makes a blocking interface with deadlines out of Asio 1.74, which has no cancellation slots. One thread.
class Operations {
public:
    using error_code = boost::system::error_code;

    explicit Operations(std::stop_token stop) : stop_(std::move(stop)) {}

    boost::asio::io_context& context() { return context_; }

    [[nodiscard]] bool stop_requested() const { return stop_.stop_requested(); }

    /// start(done) begins the operation, which calls done(error, ...) once; cancel() ends it early. Cancelled,
    /// Deadline.
    template <typename Start, typename Cancel>
    base::Result<error_code> run(base::Deadline deadline, Start start, Cancel cancel) {
        if (stop_.stop_requested()) return cancelled();
        std::optional<error_code> outcome;
        bool stopped = false;
        context_.restart();
        start([&outcome](error_code error) { outcome = error; });
        {
            const std::stop_callback wake(stop_, [&] {
                boost::asio::post(context_, [&] {
                    stopped = true;
                    cancel();
                });
            });
            while (!outcome && !deadline.passed()) run_one(deadline);
            if (!outcome) cancel();
        }
        // The callback is gone, so nothing new is posted: drain what refers to our locals.
        const bool late = !outcome;
        context_.restart();
        context_.run();
        if (stopped) return cancelled();
        if (late) return base::fail(base::ErrorCode::kDeadline, "timed out");
        return *outcome;
    }

    static tl::unexpected<base::Error> cancelled() {
        return base::fail(base::ErrorCode::kCancelled, base::Reason::kCancelled, "cancelled");
    }

private:
    void run_one(base::Deadline deadline) {
        if (deadline.when() == base::SteadyTime::max()) {
            context_.run_one();
        } else {
            context_.run_one_until(deadline.when());
        }
        if (context_.stopped()) context_.restart();
    }

    std::stop_token stop_;
    boost::asio::io_context context_{1};
};

}  // namespace n4b::net
