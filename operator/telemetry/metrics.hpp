#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.hpp"

namespace n4b::telemetry {

/// What tells runs apart: one runs at a time for each.
struct RunLabels {
    std::string object_namespace{};
    std::string source{};
    std::string database{};
};

/// One metric as it stands when it is scraped.
struct Collected {
    enum class Kind { kGauge, kCounter };
    struct Sample {
        std::vector<std::pair<std::string, std::string>> labels{};
        double value = 0;
    };
    std::string name{};
    std::string help{};
    Kind kind = Kind::kGauge;
    std::vector<Sample> samples{};
};
/// Tells what is known at this moment. Called on the scraping thread.
using Collector = std::function<std::vector<Collected>()>;

/// The operator's metrics. Thread-safe.
class Metrics {
public:
    Metrics();
    ~Metrics();
    Metrics(const Metrics&) = delete;
    Metrics& operator=(const Metrics&) = delete;

    void reconciled(const std::string& controller, bool error, std::chrono::steady_clock::duration took);
    void backup_finished(bool succeeded, const std::string& reason);
    void runs_held(std::size_t count);
    /// Of the run that succeeded last.
    void recoverable_to(const std::string& object_namespace, const std::string& source, const std::string& database,
                        base::SystemTime time);
    /// `whose`: "client" or "server".
    void certificate_expires(const std::string& object_namespace, const std::string& source, const std::string& whose,
                             base::SystemTime time);
    /// How far the source of the last copy was behind the newest known member; nothing: unknown (NaN).
    void source_lag(const RunLabels& run, std::optional<std::int64_t> transactions);
    /// Of a run under way.
    void run_progress(const RunLabels& run, std::int64_t bytes, std::int64_t files);
    void run_ended(const RunLabels& run);

    /// Has the collector asked at each scrape: for what can be read off the operator's state, so that it is right at
    /// once after a restart and goes with the objects it is about. The collector must live as long as text() is called.
    void add_collector(Collector collector);

    /// Prometheus text format, version 0.0.4.
    [[nodiscard]] std::string text() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace n4b::telemetry
