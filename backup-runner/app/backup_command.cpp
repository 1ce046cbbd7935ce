#include <fmt/format.h>
#include <unistd.h>

#include <condition_variable>
#include <fstream>
#include <iterator>
#include <mutex>
#include <random>
#include <thread>

#include "backup-runner/app/commands.hpp"
#include "backup-runner/app/outcome.hpp"
#include "backup-runner/app/rate_meter.hpp"
#include "backup-runner/app/source_dialer.hpp"
#include "backup-runner/app/store_opening.hpp"
#include "backup-runner/app/version.hpp"
#include "backup-runner/engine/backup.hpp"
#include "backup-runner/engine/budget.hpp"
#include "backup-runner/engine/source_probe.hpp"
#include "common/base/notice.hpp"
#include "common/contract/progress.hpp"
#include "common/httpd/server.hpp"

namespace n4b::runner {
namespace {

using base::Result;
using contract::RunReport;

constexpr double kMiB = 1024.0 * 1024.0;
constexpr auto kProgressInterval = std::chrono::milliseconds(500);

/// One line that is written again and again, on a terminal only.
class ProgressLine {
public:
    explicit ProgressLine(const engine::ProgressCounters& counters) : counters_(counters) {
        if (::isatty(STDERR_FILENO) == 1) thread_ = std::jthread([this](const std::stop_token& stop) { loop(stop); });
    }

private:
    void loop(const std::stop_token& stop) {
        std::mutex mutex;
        std::condition_variable_any wake;
        std::unique_lock lock(mutex);
        RateMeter meter(std::chrono::steady_clock::now());
        while (!wake.wait_for(lock, stop, kProgressInterval, [&] { return stop.stop_requested(); })) {
            const auto bytes = counters_.bytes.load();
            base::notice(fmt::format("\r\033[K{}: {} files, {:.1f} MiB, {:.1f} MiB/s", counters_.phase.load(),
                                     counters_.files.load(), static_cast<double>(bytes) / kMiB,
                                     static_cast<double>(meter.look(bytes, std::chrono::steady_clock::now())) / kMiB));
        }
        base::notice("\r\033[K");
    }

    const engine::ProgressCounters& counters_;
    std::jthread thread_{};
};

std::string read_text(const char* path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// Null where no port is wanted, or where the port can't be had: that nobody can watch a backup must not end it.
std::unique_ptr<httpd::Server> serve(const contract::RunSpec& spec, const engine::ProgressCounters& counters) {
    if (spec.http_port == 0) return nullptr;
    auto progress = [&spec, &counters, meter = RateMeter(std::chrono::steady_clock::now())]() mutable {
        const auto bytes = counters.bytes.load();
        const contract::Progress now{.run_uid = spec.run.uid,
                                     .attempt = spec.run.attempt,
                                     .phase = counters.phase.load(),
                                     .files = counters.files.load(),
                                     .bytes = bytes,
                                     .rate = meter.look(bytes, std::chrono::steady_clock::now())};
        return httpd::Response{.content_type = "application/json", .body = to_json(now)};
    };
    auto server = httpd::Server::start({.port = spec.http_port,
                                        .handlers = {{"/healthz", [] { return httpd::Response{.body = "ok\n"}; }},
                                                     {"/progress", std::move(progress)}}});
    if (server) return *std::move(server);
    base::notice(
        fmt::format("warning: nobody can ask for progress on port {}: {}\n", spec.http_port, server.error().message));
    return nullptr;
}

Result<RunReport> back_up(contract::RunSpec spec, base::SteadyTime started, std::stop_token stop) {
    const auto limit = engine::cgroup_limit("/sys/fs/cgroup", read_text("/proc/self/cgroup"));
    N4B_TRY(const auto dialer, dialer_for(spec));
    N4B_TRY(const auto budget, engine::fit(limit, {.connections = spec.connections,
                                                   .compression = spec.compression,
                                                   .to_bucket = spec.storage_s3.has_value(),
                                                   .network = dialer->memory_use()}));
    spec.connections = budget.connections;
    engine::ProgressCounters counters;
    const auto server = serve(spec, counters);
    const ProgressLine line(counters);
    N4B_TRY(const auto store, open_store_of(spec, kPatientTries));
    const base::RealClock clock;
    const engine::BackupEnvironment environment{.dialer = *dialer,
                                                .store = *store,
                                                .clock = clock,
                                                .random = [] { return std::random_device{}(); },
                                                .progress = counters,
                                                .buffers = budget.buffers,
                                                .version = kVersion,
                                                .started = started};
    return engine::back_up(spec, environment, std::move(stop));
}

}  // namespace

int run(const BackupOptions& options, base::SteadyTime started, std::stop_token stop) {
    const auto report = back_up(options.spec, started, std::move(stop));
    return conclude(report ? *report : report_of(options.spec, report.error()));
}

int run(const LookUpOptions& options, base::SteadyTime started, std::stop_token stop) {
    const auto& spec = options.spec;
    const auto deadline = engine::deadline_of(spec, started);
    const auto store = open_store(store_of(spec), kFewTries);
    return conclude(store ? engine::look_up_run(spec, **store, {.deadline = deadline, .stop = std::move(stop)})
                          : report_of(spec, store.error()));
}

}  // namespace n4b::runner
