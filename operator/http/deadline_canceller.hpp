#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <stop_token>
#include <thread>

#include "common/base/clock.hpp"

namespace n4b::http {

/// Calls back when a deadline passes before its guard is gone; cpprestsdk knows only timeouts of a single step.
/// Thread-safe; owns one thread, on which callbacks run.
class DeadlineCanceller {
public:
    DeadlineCanceller();

    class Guard {
    public:
        Guard(DeadlineCanceller& owner, std::uint64_t id) : owner_(owner), id_(id) {}
        ~Guard() { owner_.remove(id_); }
        Guard(const Guard&) = delete;
        Guard& operator=(const Guard&) = delete;

    private:
        DeadlineCanceller& owner_;
        std::uint64_t id_;
    };

    /// `cancel` is called at most once, and not after the guard's destructor has returned.
    [[nodiscard]] Guard arm(base::Deadline deadline, std::function<void()> cancel) {
        return Guard(*this, add(deadline, std::move(cancel)));
    }

private:
    struct Entry {
        base::SteadyTime when;
        std::function<void()> cancel;
    };
    std::uint64_t add(base::Deadline deadline, std::function<void()> cancel);
    void remove(std::uint64_t id);
    void run(const std::stop_token& stop);

    std::mutex mutex_{};
    std::condition_variable_any changed_{};
    std::map<std::uint64_t, Entry> entries_{};
    std::uint64_t next_ = 1;
    std::uint64_t running_ = 0;  ///< The entry whose callback runs now.
    std::jthread thread_{};
};

}  // namespace n4b::http
