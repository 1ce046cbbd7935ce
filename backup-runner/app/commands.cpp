#include "backup-runner/app/commands.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <mutex>
#include <random>
#include <thread>

#include "backup-runner/app/rate_meter.hpp"
#include "backup-runner/app/version.hpp"
#include "backup-runner/engine/artifact_reader.hpp"
#include "backup-runner/engine/backup.hpp"
#include "backup-runner/engine/budget.hpp"
#include "backup-runner/engine/restore.hpp"
#include "backup-runner/net/tls.hpp"
#include "common/base/json_object.hpp"
#include "common/base/rfc3339.hpp"
#include "common/contract/exit_code.hpp"
#include "common/contract/progress.hpp"
#include "common/contract/run_report.hpp"
#include "common/httpd/server.hpp"

namespace n4b::runner {
namespace {

using base::Result;
using contract::RunReport;

/// Where a kubelet reads the termination message; the file exists only in a container.
constexpr char kTerminationLog[] = "/dev/termination-log";
constexpr char kTerminationLogVariable[] = "N4B_TERMINATION_LOG";
constexpr double kMiB = 1024.0 * 1024.0;
constexpr auto kProgressInterval = std::chrono::milliseconds(500);

void write_termination_log(const RunReport& report) {
    const char* named = std::getenv(kTerminationLogVariable);
    // Never created where there is none: by hand there is no kubelet to read it.
    const int fd = ::open(named != nullptr ? named : kTerminationLog, O_WRONLY | O_TRUNC | O_CLOEXEC);
    if (fd < 0) return;
    const auto text = contract::to_json(report);
    if (::write(fd, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
        fmt::print(stderr, "the termination message could not be written\n");
    }
    ::close(fd);
}

/// Tells the outcome to everybody who may listen.
int conclude(const RunReport& report) {
    write_termination_log(report);
    const auto code = static_cast<int>(contract::exit_code_of(report.reason));
    // Of a single server the error itself tells.
    const bool several = report.passed_over.size() > 1 || report.reason == base::Reason::kCompleted;
    for (const auto& other : report.passed_over) {
        if (several)
            fmt::print(stderr, "passed over {}: {}: {}\n", other.address, to_string(other.reason), other.message);
    }
    if (report.reason != base::Reason::kCompleted) {
        fmt::print(stderr, "error: {}: {}\n", to_string(report.reason), report.message);
        return code;
    }
    fmt::print("{}\n", contract::to_json(report));
    return code;
}

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
            fmt::print(stderr, "\r\033[K{}: {} files, {:.1f} MiB, {:.1f} MiB/s", counters_.phase.load(),
                       counters_.files.load(), static_cast<double>(bytes) / kMiB,
                       static_cast<double>(meter.look(bytes, std::chrono::steady_clock::now())) / kMiB);
        }
        fmt::print(stderr, "\r\033[K");
    }

    const engine::ProgressCounters& counters_;
    std::jthread thread_{};
};

std::string read_text(const char* path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

Result<std::unique_ptr<httpd::Server>> serve(const contract::RunSpec& spec, const engine::ProgressCounters& counters) {
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
    return httpd::Server::start({.port = spec.http_port,
                                 .handlers = {{"/healthz", [] { return httpd::Response{.body = "ok\n"}; }},
                                              {"/progress", std::move(progress)}}});
}

net::Verification verification_of(contract::TlsVerification verification) {
    switch (verification) {
        case contract::TlsVerification::kFull:
            return net::Verification::kFull;
        case contract::TlsVerification::kChain:
            return net::Verification::kChain;
        case contract::TlsVerification::kNone:
            return net::Verification::kNone;
    }
    return net::Verification::kFull;
}

Result<std::unique_ptr<net::Dialer>> dialer_for(const contract::RunSpec& spec) {
    if (!spec.tls) return net::tcp_dialer();
    return net::tls_dialer({.directory = spec.tls->directory,
                            .trust = spec.tls->trust,
                            .verification = verification_of(spec.tls->verification),
                            .server_name = spec.tls->server_name});
}

Result<RunReport> back_up(contract::RunSpec spec, base::SteadyTime started, std::stop_token stop) {
    const auto limit = engine::cgroup_limit("/sys/fs/cgroup", read_text("/proc/self/cgroup"));
    N4B_TRY(const auto dialer, dialer_for(spec));
    N4B_TRY(const auto budget, engine::fit(limit, spec.connections, spec.compression, dialer->memory_use()));
    spec.connections = budget.connections;
    engine::ProgressCounters counters;
    N4B_TRY(const auto server, serve(spec, counters));
    const ProgressLine line(counters);
    N4B_TRY(const auto storage, storage::create_volume(spec.storage_path));
    const base::RealClock clock;
    const engine::BackupEnvironment environment{.dialer = *dialer,
                                                .storage = *storage,
                                                .clock = clock,
                                                .random = [] { return std::random_device{}(); },
                                                .progress = counters,
                                                .buffers = budget.buffers,
                                                .version = kVersion,
                                                .started = started};
    return engine::back_up(spec, environment, std::move(stop));
}

base::Reason reason_of(const base::Error& error) {
    return error.reason.value_or(base::Reason::kInternalError);
}

RunReport report_of(const contract::RunSpec& spec, const base::Error& error) {
    return {.reason = reason_of(error), .message = error.message, .run_uid = spec.run.uid, .attempt = spec.run.attempt};
}

/// How an artifact that can't be used stands in a list.
std::string_view state_of(const base::Error& error) {
    if (error.reason == base::Reason::kArtifactDamaged) return "DAMAGED";
    return error.reason == base::Reason::kArtifactNotSupported ? "NOT SUPPORTED" : "UNREADABLE";
}

/// Counts the artifacts of a walk, and keeps what is worst about them: damage before all else.
class Tally {
public:
    void good() { ++count_; }
    void bad(const base::Error& error) {
        ++count_;
        ++bad_;
        const bool worse = worst_ && worst_->reason != base::Reason::kArtifactDamaged &&
                           error.reason == base::Reason::kArtifactDamaged;
        if (!worst_ || worse) worst_ = error;
    }
    [[nodiscard]] std::int64_t count() const { return count_; }
    /// The exit code when nothing is bad, or the worst error.
    [[nodiscard]] Result<int> outcome() const {
        if (!worst_) return 0;
        return base::fail(worst_->wrap(fmt::format("{} of {} artifacts can't be used; one of them", bad_, count_)));
    }

private:
    std::int64_t count_ = 0;
    std::int64_t bad_ = 0;
    std::optional<base::Error> worst_{};
};

/// The repository in a directory, for reading. A damaged file about the repository is no reason to give up the backups
/// in it: each says for itself what it takes to read it.
Result<std::unique_ptr<storage::Storage>> open_repository(const std::string& directory) {
    N4B_TRY(auto storage, storage::open_volume(directory));
    const auto good = engine::check_repository(*storage);
    if (good) return storage;
    if (reason_of(good.error()) != base::Reason::kArtifactDamaged) return base::fail(good.error().wrap(directory));
    fmt::print(stderr, "warning: {}: {}; backups are read all the same\n", directory, good.error().message);
    return storage;
}

base::Json json_of(const engine::Artifact& artifact) {
    const auto& head = artifact.head;
    base::Json json{{"source", head.source},
                    {"database", head.database},
                    {"chain", head.chain},
                    {"artifact", artifact.name},
                    {"kind", head.kind},
                    {"storeId", head.store_id},
                    {"lowestTransaction", head.lowest.id},
                    {"highestTransaction", head.highest.id},
                    {"files", head.files},
                    {"bytes", head.bytes},
                    {"storedBytes", head.stored_bytes},
                    {"encoding", head.encoding},
                    {"digest", artifact.digest},
                    {"end", base::format_rfc3339(head.end)}};
    if (head.highest.time) json["recoverableTo"] = base::format_rfc3339(*head.highest.time);
    return json;
}

base::Json json_of(const engine::FoundHead& head) {
    if (head.artifact) return json_of(*head.artifact);
    const auto& error = head.artifact.error();
    return {{"source", head.source},
            {"database", head.database},
            {"chain", head.chain},
            {"artifact", head.name},
            {"reason", to_string(reason_of(error))},
            {"message", error.message}};
}

void print_row(const engine::FoundHead& found) {
    fmt::print("{:<16} {:<12} {:<24} ", found.source, found.database, found.chain);
    if (!found.artifact) {
        fmt::print("{}: {}\n", state_of(found.artifact.error()), found.artifact.error().message);
        return;
    }
    const auto& head = found.artifact->head;
    fmt::print("{:<5} {:>12} {:<21} {:>12} {:>12}\n", head.kind, head.highest.id,
               head.highest.time ? base::format_rfc3339(*head.highest.time) : "unknown", head.bytes, head.stored_bytes);
}

Result<int> print_list(const ListOptions& options) {
    N4B_TRY(const auto storage, open_repository(options.directory));
    if (!options.json) {
        fmt::print("{:<16} {:<12} {:<24} {:<5} {:>12} {:<21} {:>12} {:>12}\n", "SOURCE", "DATABASE", "CHAIN", "KIND",
                   "TRANSACTION", "RECOVERABLE TO", "BYTES", "STORED");
    }
    Tally tally;
    N4B_TRY_VOID(engine::walk_heads(*storage, {}, engine::Order::kOldestFirst, [&](const engine::FoundHead& head) {
        if (options.json) {
            // A line each: a repository may hold more than fits into memory at once.
            fmt::print("{}\n", json_of(head).dump(-1, ' ', false, base::Json::error_handler_t::replace));
        } else {
            print_row(head);
        }
        if (head.artifact) {
            tally.good();
        } else {
            tally.bad(head.artifact.error());
        }
        return true;
    }));
    return tally.outcome();
}

Result<int> print_verified(const VerifyOptions& options) {
    N4B_TRY(const auto storage, open_repository(options.directory));
    Tally tally;
    const engine::Scope scope{.source = options.source, .chain = options.chain};
    N4B_TRY_VOID(engine::walk_heads(*storage, scope, engine::Order::kOldestFirst, [&](const engine::FoundHead& head) {
        const auto result =
            head.artifact ? engine::verify(*storage, *head.artifact) : Result<void>(base::fail(head.artifact.error()));
        if (result) {
            fmt::print("{:<13} {}\n", "ok", head.key);
            tally.good();
        } else {
            // What is wrong with a head names it already.
            fmt::print("{:<13} {}{}\n", state_of(result.error()), head.artifact ? head.key + ": " : "",
                       result.error().message);
            tally.bad(result.error());
        }
        return true;
    }));
    if (tally.count() == 0) {
        return base::fail(base::ErrorCode::kNotFound, base::Reason::kArtifactNotFound, "there is no backup to verify");
    }
    return tally.outcome();
}

Result<int> restore(const RestoreOptions& options) {
    N4B_TRY(const auto storage, open_repository(options.directory));
    N4B_TRY(const auto artifact, engine::choose_artifact(*storage, options.source, options.database, options.chain));
    N4B_TRY_VOID(engine::restore(*storage, artifact, options.target));
    fmt::print("restored {} up to transaction {} into {}\n", artifact.keys.head, artifact.head.highest.id,
               options.target);
    return 0;
}

int finish(const Result<int>& result) {
    return result ? *result : report_failure(result.error());
}

}  // namespace

int run(const BackupOptions& options, base::SteadyTime started, std::stop_token stop) {
    const auto report = back_up(options.spec, started, std::move(stop));
    return conclude(report ? *report : report_of(options.spec, report.error()));
}

int run(const LookUpOptions& options) {
    const auto storage = storage::open_volume(options.spec.storage_path);
    return conclude(storage ? engine::look_up_run(options.spec, **storage) : report_of(options.spec, storage.error()));
}

int run(const ListOptions& options) {
    return finish(print_list(options));
}

int run(const VerifyOptions& options) {
    return finish(print_verified(options));
}

int run(const RestoreOptions& options) {
    return finish(restore(options));
}

int report_failure(const base::Error& error) {
    const contract::RunSpec nobody;
    return conclude(report_of(nobody, error));
}

}  // namespace n4b::runner
