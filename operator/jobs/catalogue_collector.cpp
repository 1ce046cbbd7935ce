#include "operator/jobs/catalogue_collector.hpp"

#include <fmt/format.h>

#include <iterator>
#include <utility>

#include "common/base/pause.hpp"
#include "operator/telemetry/log.hpp"

namespace n4b::jobs {
namespace {

using base::ErrorCode;
using base::Result;

/// A runner that has listed the chains waits until they are fetched, and the storage is not ready before, so this is
/// short.
constexpr auto kInterval = std::chrono::seconds(2);

}  // namespace

void CatalogueCollector::start() {
    thread_ = std::jthread([this](const std::stop_token& stop) {
        do {
            collect(stop);
        } while (base::pause(kInterval, stop));
    });
}

void CatalogueCollector::stop() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
}

void CatalogueCollector::collect(const std::stop_token& stop) {
    for (const auto& job : parts_.workload.jobs.all()) {
        const bool works = !job->complete && !job->failed && !job->suspended;
        if (!works || job->meta.owner_kind != parts_.kind || has(*job)) continue;
        const auto pod = own_pod_of(parts_.workload.pods_of(job->meta.uid), job->meta.uid);
        if (stop.stop_requested()) return;
        if (!pod || !pod->runner || !pod->runner->running || pod->ip.empty()) continue;
        auto collected = fetch_all(*job, pod->ip, stop);
        if (!collected) {
            telemetry::debug("a runner does not serve the chains of a storage",
                             {{"pod", pod->meta.key()}, {"error", collected.error().message}});
            continue;
        }
        const std::scoped_lock lock(mutex_);
        collected_.insert_or_assign(job->meta.controller_uid, *std::move(collected));
    }
}

bool CatalogueCollector::has(const api::Job& job) const {
    const std::scoped_lock lock(mutex_);
    const auto found = collected_.find(job.meta.controller_uid);
    return found != collected_.end() && found->second.job_uid == job.meta.uid;
}

Result<CatalogueCollector::Collected> CatalogueCollector::fetch_all(const api::Job& job, const std::string& ip,
                                                                    const std::stop_token& stop) const {
    Collected collected{.job_uid = job.meta.uid};
    std::vector<std::string> texts;
    std::int64_t pages = 1;
    for (std::int64_t i = 0; i < pages; ++i) {
        N4B_TRY(auto text, parts_.fetch(ip, contract::catalogue_path(i), stop));
        N4B_TRY(auto page, contract::parse_catalogue_page(text));
        if (page.run_uid != job.meta.controller_uid)
            return base::fail(ErrorCode::kInvalid, "the page is of another run");
        const bool fits = page.page == i && (i == 0 || page.pages == pages);
        if (!fits) {
            return base::fail(ErrorCode::kInvalid,
                              fmt::format("found page {} of {}, expected {} of {}", page.page, page.pages, i, pages));
        }
        pages = page.pages;
        std::move(page.chains.begin(), page.chains.end(), std::back_inserter(collected.chains));
        texts.push_back(std::move(text));
    }
    collected.digest = contract::catalogue_digest(texts);
    return collected;
}

std::optional<std::vector<contract::ChainRecord>> CatalogueCollector::chains(const std::string& owner_uid,
                                                                             const std::string& digest) const {
    const std::scoped_lock lock(mutex_);
    const auto found = collected_.find(owner_uid);
    if (found == collected_.end() || found->second.digest != digest) return std::nullopt;
    return found->second.chains;
}

void CatalogueCollector::forget(const std::string& owner_uid) {
    const std::scoped_lock lock(mutex_);
    collected_.erase(owner_uid);
}

}  // namespace n4b::jobs
