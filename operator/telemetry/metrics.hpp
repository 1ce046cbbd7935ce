#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/reason.hpp"

namespace n4b::telemetry {

/// One value of a gauge, computed when somebody scrapes.
struct GaugeSample {
    std::string name{};
    std::string help{};
    std::map<std::string, std::string> labels{};
    double value = 0;
};

/// The operator's metrics. Counters are kept here and start at 0 for every label set that can be known, so that rate()
/// works from the first event on. What objects show is collected from the stores at each scrape: it is there right
/// after a restart and gone with its object. Thread-safe.
class Metrics {
public:
    using Collector = std::function<std::vector<GaugeSample>()>;

    Metrics();
    ~Metrics();
    Metrics(const Metrics&) = delete;
    Metrics& operator=(const Metrics&) = delete;

    /// Adds a source of gauges, which must be thread-safe and outlive the scrapes. Before the first scrape.
    void collect(Collector collector);

    void reconciled(const std::string& controller, bool error, std::chrono::steady_clock::duration took);
    void queue_depth(const std::string& controller, std::size_t depth);
    /// A run of that kind ended so; "Succeeded", "Failed" or "Skipped".
    void run_finished(const std::string& kind, const std::string& result, base::Reason reason);
    void unreadable_object(const std::string& kind);
    void status_refused(const std::string& kind);

    /// Prometheus text format, version 0.0.4.
    [[nodiscard]] std::string text() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace n4b::telemetry
