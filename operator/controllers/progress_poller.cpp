#include "operator/controllers/progress_poller.hpp"

#include <condition_variable>

#include "common/contract/progress.hpp"
#include "operator/telemetry/log.hpp"

namespace n4b::controllers {
namespace {

constexpr auto kInterval = std::chrono::seconds(10);
constexpr std::size_t kMaxPhase = 32;

}  // namespace

void ProgressPoller::start() {
    thread_ = std::jthread([this](const std::stop_token& stop) {
        std::mutex mutex;
        std::condition_variable_any wake;
        std::unique_lock lock(mutex);
        while (!stop.stop_requested()) {
            poll(stop);
            wake.wait_for(lock, stop, kInterval, [] { return false; });
        }
    });
}

void ProgressPoller::stop() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
}

void ProgressPoller::poll(const std::stop_token& stop) {
    std::map<std::string, std::shared_ptr<const api::Pod>> working;  // By the uid of the backup.
    for (const auto& pod : parts_.world.pods.all()) {
        if (pod->runner && pod->runner->running && !pod->ip.empty()) working[pod->meta.backup_uid] = pod;
    }
    std::map<std::string, Run> runs;
    if (!working.empty()) {
        for (const auto& backup : parts_.world.backups.all()) {
            const auto pod = working.find(backup->meta.uid);
            if (pod == working.end() || backup->finished() || stop.stop_requested()) continue;
            if (auto run = ask(*backup, *pod->second, stop)) runs.emplace(backup->meta.key(), std::move(*run));
        }
    }
    replace(runs);
}

std::optional<ProgressPoller::Run> ProgressPoller::ask(const api::Backup& backup, const api::Pod& pod,
                                                       const std::stop_token& stop) {
    const auto body = parts_.fetch(pod.ip, stop);
    const auto told = body ? contract::parse_progress(*body) : base::fail(body.error());
    if (!told || told->run_uid != backup.meta.uid) {
        telemetry::debug("a runner does not tell its progress",
                         {{"backup", backup.meta.key()}, {"error", told ? "another run" : told.error().message}});
        return std::nullopt;
    }
    return Run{.labels = {.object_namespace = backup.meta.object_namespace,
                          .source = backup.spec.source,
                          .database = backup.spec.database},
               .progress = {.bytes = told->bytes,
                            .files = told->files,
                            .rate = told->rate,
                            .phase = told->phase.substr(0, kMaxPhase),
                            .observed = parts_.clock.system_now()}};
}

void ProgressPoller::replace(const std::map<std::string, Run>& runs) {
    std::map<std::string, Run> before;
    {
        const std::scoped_lock lock(mutex_);
        before = std::exchange(runs_, runs);
    }
    for (const auto& [key, run] : before) {
        if (!runs.contains(key)) parts_.metrics.run_ended(run.labels);
    }
    for (const auto& [key, run] : runs) {
        parts_.metrics.run_progress(run.labels, run.progress.bytes, run.progress.files);
        parts_.wake(key);
    }
}

std::optional<api::RunProgress> ProgressPoller::latest(const std::string& key) const {
    const std::scoped_lock lock(mutex_);
    const auto found = runs_.find(key);
    return found == runs_.end() ? std::nullopt : std::optional(found->second.progress);
}

}  // namespace n4b::controllers
