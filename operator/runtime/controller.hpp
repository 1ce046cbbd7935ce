#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "common/base/result.hpp"
#include "operator/runtime/work_queue.hpp"

namespace n4b::runtime {

/// Looks at one key; returns when to look again, if ever. An error is tried again with backoff (250 ms to 5 min).
using Reconcile = std::function<base::Result<std::optional<std::chrono::milliseconds>>(const std::string& key,
                                                                                       const std::stop_token&)>;

/// How a reconcile ended, for metrics.
struct Outcome {
    bool error = false;
    std::chrono::steady_clock::duration took{};
};

/// Runs reconciles of the queue's keys on its workers. stop() lets running ones finish.
class Controller {
public:
    Controller(std::string name, WorkQueue& queue, Reconcile reconcile, std::function<void(const Outcome&)> observe)
        : name_(std::move(name)), queue_(queue), reconcile_(std::move(reconcile)), observe_(std::move(observe)) {}

    void start(int workers);
    void stop();

    [[nodiscard]] const std::string& name() const { return name_; }
    /// Keys that wait for a worker.
    [[nodiscard]] std::size_t waiting() const { return queue_.depth(); }
    /// How long the reconcile that has been running longest has been running; nothing when none runs. One that never
    /// ends is a stuck worker, which no metric of finished reconciles shows. Thread-safe.
    [[nodiscard]] std::optional<std::chrono::steady_clock::duration> oldest_running() const;

private:
    void work(const std::stop_token& stop);
    void once(const std::string& key, const std::stop_token& stop);
    std::string name_;
    WorkQueue& queue_;
    Reconcile reconcile_;
    std::function<void(const Outcome&)> observe_;
    mutable std::mutex mutex_{};
    std::multiset<std::chrono::steady_clock::time_point> running_{};  ///< When each reconcile under way began.
    std::vector<std::jthread> threads_{};
};

}  // namespace n4b::runtime
