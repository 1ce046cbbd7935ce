#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/base/reason.hpp"

namespace n4b::telemetry {

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

/// One value of a gauge that an object shows.
struct GaugeSample {
    std::string name{};
    std::string help{};
    std::map<std::string, std::string> labels{};
    double value = 0;
};

/// Gauges by their names, each with all its samples.
std::vector<Collected> grouped(std::vector<GaugeSample> samples);

/// The operator's metrics. Counters are kept here and start at 0 for every label set that can be known, so that rate()
/// works from the first event on. What objects show is collected from the stores at each scrape: it is there right
/// after a restart and gone with its object. Thread-safe.
class Metrics {
public:
    Metrics();
    ~Metrics();
    Metrics(const Metrics&) = delete;
    Metrics& operator=(const Metrics&) = delete;

    /// Has the collector asked at each scrape: for what can be read off the operator's state. It must be thread-safe
    /// and live as long as text() is called.
    void add_collector(Collector collector);

    void reconciled(const std::string& controller, bool error, std::chrono::steady_clock::duration took);
    /// A run of that kind ended so; "Succeeded", "Failed" or "Skipped".
    void run_finished(const std::string& kind, const std::string& result, base::Reason reason);
    void status_refused(const std::string& kind);

    /// Prometheus text format, version 0.0.4.
    [[nodiscard]] std::string text() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace n4b::telemetry
