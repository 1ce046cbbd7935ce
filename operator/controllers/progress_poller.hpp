#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "common/base/clock.hpp"
#include "operator/controllers/world.hpp"
#include "operator/telemetry/metrics.hpp"

namespace n4b::controllers {

/// Asks the runners that work how far they are, every 10 s, on a thread of its own, so that one that doesn't answer
/// holds back no worker. What it knows is for people: losing it loses nothing. Thread-safe.
class ProgressPoller {
public:
    /// The body of /progress at an address.
    using Fetch = std::function<base::Result<std::string>(const std::string& ip, const std::stop_token& stop)>;
    struct Parts {
        World& world;
        telemetry::Metrics& metrics;
        const base::Clock& clock;
        Fetch fetch{};
        std::function<void(const std::string& key)> wake{};  ///< Asks for a look at a backup.
    };
    explicit ProgressPoller(Parts parts) : parts_(std::move(parts)) {}

    void start();
    void stop();
    /// Asks every runner once. A runner of another run than its pod's label says is not believed.
    void poll(const std::stop_token& stop);
    /// What the runner of a backup told last, while it runs.
    [[nodiscard]] std::optional<api::RunProgress> latest(const std::string& key) const;

private:
    struct Run {
        telemetry::RunLabels labels{};
        api::RunProgress progress{};
    };
    std::optional<Run> ask(const api::Backup& backup, const api::Pod& pod, const std::stop_token& stop);
    void replace(const std::map<std::string, Run>& runs);

    Parts parts_;
    mutable std::mutex mutex_{};  ///< Guards runs_.
    std::map<std::string, Run> runs_{};
    std::jthread thread_{};
};

}  // namespace n4b::controllers
