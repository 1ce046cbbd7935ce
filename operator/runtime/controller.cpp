#include "operator/runtime/controller.hpp"

#include "common/base/backoff.hpp"
#include "operator/telemetry/log.hpp"

namespace n4b::runtime {
namespace {

// The API is remote and people wait: slower than client-go's 5 ms, and never 1000 s.
constexpr base::Backoff kBackoff{.base = std::chrono::milliseconds(250), .cap = std::chrono::minutes(5)};

}  // namespace

void Controller::start(int workers) {
    for (int i = 0; i < workers; ++i) {
        threads_.emplace_back([this](const std::stop_token& stop) { work(stop); });
    }
}

void Controller::stop() {
    for (auto& thread : threads_) thread.request_stop();
    threads_.clear();
}

std::optional<std::chrono::steady_clock::duration> Controller::oldest_running() const {
    const std::scoped_lock lock(mutex_);
    if (running_.empty()) return std::nullopt;
    return std::chrono::steady_clock::now() - *running_.begin();
}

void Controller::work(const std::stop_token& stop) {
    while (const auto key = queue_.take(stop)) {
        once(*key, stop);
        queue_.done(*key);
    }
}

void Controller::once(const std::string& key, const std::stop_token& stop) {
    const auto start = std::chrono::steady_clock::now();
    std::multiset<std::chrono::steady_clock::time_point>::iterator entry;
    {
        const std::scoped_lock lock(mutex_);
        entry = running_.insert(start);
    }
    base::Result<std::optional<std::chrono::milliseconds>> result;
    try {
        result = reconcile_(key, stop);
    } catch (const std::exception& error) {
        // One bad object must not end the process.
        result = base::fail(base::ErrorCode::kInternal, std::string("exception: ") + error.what());
    }
    {
        const std::scoped_lock lock(mutex_);
        running_.erase(entry);
    }
    observe_({.error = !result, .took = std::chrono::steady_clock::now() - start});
    if (result) {
        queue_.forget(key);
        if (*result) queue_.add_after(key, **result);
        return;
    }
    if (stop.stop_requested()) return;
    const auto delay = std::max(kBackoff.wait(queue_.fail(key), 0.0),
                                result.error().retry_after.value_or(std::chrono::milliseconds(0)));
    telemetry::warn("reconcile failed, trying again",
                    {{"controller", name_}, {"key", key}, {"error", result.error().message}});
    queue_.add_after(key, delay);
}

}  // namespace n4b::runtime
