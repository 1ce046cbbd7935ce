#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "common/base/clock.hpp"

namespace n4b::telemetry {

/// The operator's metrics. Thread-safe.
class Metrics {
public:
    Metrics();
    ~Metrics();
    Metrics(const Metrics&) = delete;
    Metrics& operator=(const Metrics&) = delete;

    void reconciled(const std::string& controller, bool error, std::chrono::steady_clock::duration took);
    void queue_depth(const std::string& controller, std::size_t depth);
    void backup_finished(bool succeeded, const std::string& reason);
    void runs_held(std::size_t count);
    /// Keeps the newest time of each source and database.
    void recoverable_to(const std::string& object_namespace, const std::string& source, const std::string& database,
                        base::SystemTime time);
    /// `whose`: "client" or "server".
    void certificate_expires(const std::string& object_namespace, const std::string& source, const std::string& whose,
                             base::SystemTime time);
    void unreadable_object(const std::string& kind);

    /// Prometheus text format, version 0.0.4.
    [[nodiscard]] std::string text() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace n4b::telemetry
