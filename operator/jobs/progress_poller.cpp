#include "operator/jobs/progress_poller.hpp"

#include <utility>

#include "common/base/pause.hpp"
#include "common/contract/progress.hpp"
#include "operator/telemetry/log.hpp"

namespace n4b::jobs {
namespace {

constexpr auto kInterval = std::chrono::seconds(10);
constexpr std::size_t kMaxPhase = 32;

}  // namespace

void ProgressPoller::start() {
    thread_ = std::jthread([this](const std::stop_token& stop) {
        do {
            poll(stop);
        } while (base::pause(kInterval, stop));
    });
}

void ProgressPoller::stop() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
}

void ProgressPoller::poll(const std::stop_token& stop) {
    std::map<std::string, Running> running;
    for (const auto& job : parts_.workload.jobs.all()) {
        if (job->complete || job->failed || job->suspended) continue;
        for (const auto& pod : parts_.workload.pods_of(job->meta.uid)) {
            if (stop.stop_requested()) return;
            if (!pod->runner || !pod->runner->running || pod->ip.empty()) continue;
            const auto& owner_uid = job->meta.controller_uid;
            if (auto told = ask(owner_uid, *pod, stop)) running.insert_or_assign(owner_uid, std::move(*told));
        }
    }
    {
        const std::scoped_lock lock(mutex_);
        running_ = running;
    }
    for (const auto& job : parts_.workload.jobs.all()) {
        if (!running.contains(job->meta.controller_uid)) continue;
        parts_.wake(job->meta.owner_kind, job->meta.object_namespace + "/" + job->meta.owner_name);
    }
}

std::optional<ProgressPoller::Running> ProgressPoller::ask(const std::string& owner_uid, const api::Pod& pod,
                                                           const std::stop_token& stop) {
    const auto body = parts_.fetch(pod.ip, stop);
    const auto told = body ? contract::parse_progress(*body) : base::fail(body.error());
    if (!told || told->run_uid != owner_uid) {
        telemetry::debug("a runner does not tell its progress",
                         {{"pod", pod.meta.key()}, {"error", told ? "another run" : told.error().message}});
        return std::nullopt;
    }
    return Running{
        .progress = {.bytes = told->bytes,
                     .files = told->files,
                     .rate = told->rate,
                     .total_bytes = told->total_bytes,
                     .remaining = told->remaining,
                     .phase = told->phase.substr(0, kMaxPhase),
                     .observed = parts_.clock.system_now()},
        .labels = {{"namespace", pod.meta.object_namespace}, {"source", pod.source}, {"database", pod.database}}};
}

std::optional<run::Progress> ProgressPoller::latest(const std::string& owner_uid) const {
    const std::scoped_lock lock(mutex_);
    const auto found = running_.find(owner_uid);
    return found == running_.end() ? std::nullopt : std::optional(found->second.progress);
}

std::vector<telemetry::GaugeSample> ProgressPoller::gauges() const {
    const std::scoped_lock lock(mutex_);
    std::vector<telemetry::GaugeSample> samples;
    for (const auto& [uid, running] : running_) {
        samples.push_back({.name = "neo4jbackup_run_bytes",
                           .help = "Bytes that a run under way has received.",
                           .labels = running.labels,
                           .value = static_cast<double>(running.progress.bytes)});
        samples.push_back({.name = "neo4jbackup_run_files",
                           .help = "Files that a run under way has received.",
                           .labels = running.labels,
                           .value = static_cast<double>(running.progress.files)});
    }
    return samples;
}

}  // namespace n4b::jobs
