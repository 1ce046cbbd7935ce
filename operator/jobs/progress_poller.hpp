#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "common/base/clock.hpp"
#include "operator/jobs/workload.hpp"
#include "operator/run/run_status.hpp"
#include "operator/telemetry/metrics.hpp"

namespace n4b::jobs {

/// Asks the runners that work how far they are, every 10 s, on a thread of its own, so that one that doesn't answer
/// holds back no worker. What it knows is for people: losing it loses nothing. Thread-safe.
class ProgressPoller {
public:
    /// The body of /progress at an address.
    using Fetch = std::function<base::Result<std::string>(const std::string& ip, const std::stop_token& stop)>;
    struct Parts {
        const Workload& workload;
        const base::Clock& clock;  ///< The API server's.
        Fetch fetch{};
        /// Asks for a look at the object whose run it is.
        std::function<void(const std::string& kind, const std::string& key)> wake{};
    };
    explicit ProgressPoller(Parts parts) : parts_(std::move(parts)) {}

    void start();
    void stop();
    /// Asks every runner once. A runner of another run than its Job's is not believed.
    void poll(const std::stop_token& stop);
    /// What the runner of an object's run told last, while it runs.
    [[nodiscard]] std::optional<run::Progress> latest(const std::string& owner_uid) const;
    /// Bytes and files of the runs under way.
    [[nodiscard]] std::vector<telemetry::GaugeSample> gauges() const;

private:
    struct Running {
        run::Progress progress{};
        std::map<std::string, std::string> labels{};
    };
    std::optional<Running> ask(const std::string& owner_uid, const api::Pod& pod, const std::stop_token& stop);

    Parts parts_;
    mutable std::mutex mutex_{};                ///< Guards running_.
    std::map<std::string, Running> running_{};  ///< By the uid of the run's object.
    std::jthread thread_{};
};

}  // namespace n4b::jobs
