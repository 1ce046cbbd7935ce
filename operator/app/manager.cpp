#include "operator/app/manager.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <fstream>
#include <iterator>
#include <memory>
#include <mutex>
#include <vector>

#include "common/base/pause.hpp"
#include "common/httpd/server.hpp"
#include "operator/app/cache_sync.hpp"
#include "operator/http/cpprest_transport.hpp"
#include "operator/http/plain_get.hpp"
#include "operator/jobs/catalogue_collector.hpp"
#include "operator/jobs/lock_keeper.hpp"
#include "operator/jobs/progress_poller.hpp"
#include "operator/jobs/run_driver.hpp"
#include "operator/kinds/backup/backup_loop.hpp"
#include "operator/kinds/backup_schedule/backup_schedule_loop.hpp"
#include "operator/kinds/chain/chain_loop.hpp"
#include "operator/kinds/environment.hpp"
#include "operator/kinds/kind_loop.hpp"
#include "operator/kinds/restore/restore_loop.hpp"
#include "operator/kinds/source/source_loop.hpp"
#include "operator/kinds/storage/storage_loop.hpp"
#include "operator/kube/cluster_config.hpp"
#include "operator/kube/cluster_uid.hpp"
#include "operator/kube/event_recorder.hpp"
#include "operator/kube/kube_metrics.hpp"
#include "operator/kube/server_clock.hpp"
#include "operator/runtime/runtime_metrics.hpp"
#include "operator/telemetry/log.hpp"
#include "operator/telemetry/metrics.hpp"

namespace n4b::operator_app {
namespace {

using base::ErrorCode;
using base::Result;

constexpr auto kCacheSync = std::chrono::minutes(2);  // controller-runtime
constexpr auto kRetry = std::chrono::seconds(1);
constexpr auto kTokenReread = std::chrono::seconds(60);  // client-go
constexpr auto kLastCalls = std::chrono::seconds(5);     // Of the 10 s that the whole end may take.
constexpr auto kStuck = std::chrono::minutes(10);        // No reconcile waits so long for the API server.
constexpr auto kResync = std::chrono::minutes(55);       // Every object is looked at again about once an hour.
constexpr char kOurSelector[] = "labelSelector=neo4jbackup.dev%2Fowner-uid";  // Of Jobs and pods that we made.

/// The bearer token, read again from its file every minute. Thread-safe.
class TokenFile {
public:
    explicit TokenFile(std::string path) : path_(std::move(path)) {}
    std::string operator()() {
        const std::scoped_lock lock(mutex_);
        const auto now = std::chrono::steady_clock::now();
        if (token_.empty() || now - read_ > kTokenReread) {
            std::ifstream file(path_);
            std::string text{std::istreambuf_iterator<char>(file), {}};
            while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
            if (!text.empty()) token_ = std::move(text);
            read_ = now;
        }
        return token_;
    }

private:
    std::mutex mutex_{};
    std::string path_;
    std::string token_{};
    base::SteadyTime read_{};
};

Result<std::unique_ptr<http::Transport>> connect(const Options& options) {
    N4B_TRY(const auto config,
            options.kubeconfig.empty() ? kube::in_cluster_config() : kube::load_kubeconfig(options.kubeconfig));
    std::function<std::string()> bearer;
    if (!config.token_file.empty()) {
        bearer = [file = std::make_shared<TokenFile>(config.token_file)] { return (*file)(); };
    } else if (!config.token.empty()) {
        bearer = [token = config.token] { return token; };
    }
    return http::make_cpprest_transport({.base_url = config.server,
                                         .ca_pem = config.ca_pem,
                                         .client_certificate = config.client_certificate,
                                         .client_key = config.client_key,
                                         .bearer_token = std::move(bearer)});
}

/// Everything that lives as long as the operator runs, in the order it is made.
class Manager {
public:
    Manager(const Options& options, http::Transport& inner)
        : options_(options),
          runner_(options.runner),
          transport_(inner, clock_),
          client_(transport_, calls_.get_token()),
          recorder_(client_, clock_, options.instance),
          jobs_({.name = "Job",
                 .api = "/apis/batch/v1",
                 .plural = "jobs",
                 .query = kOurSelector,
                 .parse = &api::parse_job}),
          pods_({.name = "Pod", .api = "/api/v1", .plural = "pods", .query = kOurSelector, .parse = &api::parse_pod}),
          workload_{.jobs = jobs_.store(),
                    .pods = pods_.store(),
                    .jobs_by_owner = jobs_.by_owner(),
                    .pods_by_owner = pods_.by_owner()},
          locks_(options.max_concurrent_runs, workload_, clock_,
                 [this](const auto& kind, const auto& key) { wake(kind, key); }),
          progress_({.workload = workload_,
                     .clock = clock_,
                     .fetch =
                         [](const std::string& ip, const std::stop_token& stop) {
                             return http::plain_get({.ip = ip, .port = run::kRunnerHttpPort, .path = "/progress"},
                                                    stop);
                         },
                     .wake = [this](const auto& kind, const auto& key) { wake(kind, key); }}),
          collector_({.workload = workload_,
                      .kind = "Neo4jBackupStorage",
                      .fetch =
                          [](const std::string& ip, const std::string& path, const std::stop_token& stop) {
                              return http::plain_get({.ip = ip,
                                                      .port = run::kRunnerHttpPort,
                                                      .path = path,
                                                      .max_bytes = contract::kMaxCataloguePageBytes},
                                                     stop);
                          }}),
          driver_({.client = client_,
                   .events = recorder_,
                   .workload = workload_,
                   .locks = locks_,
                   .metrics = metrics_,
                   .clock = clock_,
                   .config = runner_,
                   .progress = [this](const std::string& uid) { return progress_.latest(uid); }}),
          environment_{.client = client_,
                       .events = recorder_,
                       .driver = driver_,
                       .locks = locks_,
                       .collector = collector_,
                       .catalogue = catalogue_,
                       .metrics = metrics_,
                       .clock = clock_,
                       .config = runner_,
                       .workers = options.workers} {
        auto& storages = add(storage::make_storage_loop(environment_));
        auto& sources = add(source::make_source_loop(environment_));
        auto& backups = add(backup::make_backup_loop(environment_, sources, storages));
        add(restore::make_restore_loop(environment_, backups, sources, storages));
        auto& chains = add(chain::make_chain_loop(environment_, backups, storages));
        add(backup_schedule::make_backup_schedule_loop(
            environment_, {.backups = backups, .chains = chains, .sources = sources, .storages = storages}));
        const auto owner_changed = [this](const auto&, const auto& before, const auto& after) {
            const auto& meta = after ? after->meta : before->meta;
            if (ready_) wake(meta.owner_kind, meta.object_namespace + "/" + meta.owner_name);
        };
        jobs_.on_change(owner_changed);
        pods_.on_change(owner_changed);
        metrics_.add_collector([this] { return telemetry::grouped(gauges()); });
        metrics_.add_collector([this] { return std::vector{kube::events_metric(recorder_)}; });
        metrics_.add_collector([this] { return loop_metrics(); });
    }

    Result<void> run(const std::stop_token& stop) {
        N4B_TRY(auto server, httpd::Server::start({.port = options_.http_port,
                                                   .handlers = {{"/healthz", [this] { return health(); }},
                                                                {"/readyz", [this] { return readiness(); }},
                                                                {"/metrics", [this] { return metrics_page(); }}}}));
        watch_all();
        N4B_TRY_VOID(await_caches(stop));
        N4B_TRY_VOID(learn_cluster(stop));
        if (stop.stop_requested()) return {};
        locks_.recover();
        ready_ = true;
        telemetry::info("ready", {{"port", std::to_string(server->port())}, {"runnerImage", options_.runner.image}});
        for (auto& loop : loops_) loop->start();
        progress_.start();
        collector_.start();
        idle(stop);
        telemetry::info("stopping");
        ready_ = false;
        // Reconciles under way may end as they like for a while; a call that hangs is cancelled then.
        const std::jthread cancel([this](const std::stop_token& ended) {
            base::pause(kLastCalls, ended);
            calls_.request_stop();
        });
        progress_.stop();
        collector_.stop();
        for (auto& loop : loops_) loop->stop();
        server.reset();  // A scrape reads the reflectors.
        for (auto& loop : loops_) loop->unwatch();
        jobs_.unwatch();
        pods_.unwatch();
        return {};
    }

private:
    template <typename T>
    kinds::KindLoop<T>& add(std::unique_ptr<kinds::KindLoop<T>> loop) {
        auto& added = *loop;
        loops_.push_back(std::move(loop));
        return added;
    }

    /// Asks for a look at an object that has a Job, a pod or a lock.
    void wake(const std::string& kind, const std::string& key) {
        for (auto& loop : loops_) {
            if (loop->kind() == kind) loop->look_at(key);
        }
    }

    /// A worker or a watch that never comes back does no more work, and only a new process helps.
    httpd::Response health() const {
        const auto stuck = [](const auto& reflectors) {
            return std::any_of(reflectors.begin(), reflectors.end(),
                               [](const auto& r) { return r->stuck_for() > kStuck; });
        };
        std::string what;
        for (const auto& loop : loops_) {
            if (oldest_running(*loop) > kStuck) what = fmt::format("a worker of {} is stuck\n", loop->kind());
            if (stuck(loop->reflectors())) what = fmt::format("a watch of {} is stuck\n", loop->kind());
        }
        if (stuck(jobs_.reflectors()) || stuck(pods_.reflectors())) what = "a watch of Jobs or pods is stuck\n";
        if (!what.empty()) return {.status = 503, .body = what};
        return {.body = "ok\n"};
    }

    httpd::Response readiness() {
        if (ready_) return {.body = "ok\n"};
        return {.status = 503, .body = "caches are not filled yet\n"};
    }

    httpd::Response metrics_page() {
        return {.content_type = "text/plain; version=0.0.4; charset=utf-8", .body = metrics_.text()};
    }

    static std::chrono::steady_clock::duration oldest_running(const kinds::Loop& loop) {
        const auto oldest = loop.controller() != nullptr ? loop.controller()->oldest_running() : std::nullopt;
        return oldest.value_or(std::chrono::steady_clock::duration::zero());
    }

    /// Of the controllers, and of what follows the API server's objects.
    std::vector<telemetry::Collected> loop_metrics() const {
        std::vector<const runtime::Controller*> controllers;
        std::vector<const kube::Reflector*> reflectors;
        const auto add = [&](const auto& of) {
            for (const auto& reflector : of) reflectors.push_back(reflector.get());
        };
        for (const auto& loop : loops_) {
            if (loop->controller() != nullptr) controllers.push_back(loop->controller());
            add(loop->reflectors());
        }
        add(jobs_.reflectors());
        add(pods_.reflectors());
        auto metrics = runtime::loop_metrics(controllers);
        for (auto& metric : kube::reflector_metrics(reflectors)) metrics.push_back(std::move(metric));
        return metrics;
    }

    std::vector<telemetry::GaugeSample> gauges() const {
        auto samples = progress_.gauges();
        samples.push_back({.name = "neo4jbackup_runs_running",
                           .help = "Runs that hold a slot.",
                           .value = static_cast<double>(locks_.running())});
        return samples;
    }

    void watch_all() {
        auto scopes = options_.namespaces;
        if (scopes.empty()) scopes.emplace_back();
        for (auto& loop : loops_) loop->watch(transport_, scopes);
        jobs_.watch(transport_, scopes);
        pods_.watch(transport_, scopes);
    }

    CacheSync cache_sync() const {
        std::vector<CacheState> caches;
        const auto look_at = [&](const std::string& kind, const auto& reflectors) {
            for (const auto& r : reflectors) {
                caches.push_back(
                    {.kind = kind, .scope = r->scope(), .ready = r->ready(), .last_error = r->list_error()});
            }
        };
        for (const auto& loop : loops_) look_at(loop->kind(), loop->reflectors());
        look_at(jobs_.kind().name, jobs_.reflectors());
        look_at(pods_.kind().name, pods_.reflectors());
        return judge_caches(caches);
    }

    Result<void> await_caches(const std::stop_token& stop) {
        const auto deadline = base::Deadline::after(kCacheSync);
        std::unique_lock lock(mutex_);
        while (!stop.stop_requested()) {
            const auto sync = cache_sync();
            if (sync.unserved.empty()) return {};
            if (deadline.passed() && sync.may_start) {
                telemetry::error(
                    "namespaces are not served: they refuse us (their RoleBinding) or are not there; their "
                    "objects come in when that changes",
                    {{"namespaces", fmt::format("{}", fmt::join(sync.unserved, ","))}});
                return {};
            }
            if (deadline.passed()) {
                return base::fail(ErrorCode::kUnavailable,
                                  fmt::format("the API server did not list these kinds within two minutes: {}",
                                              fmt::join(sync.unlisted, ", ")));
            }
            wake_.wait_for(lock, stop, std::chrono::milliseconds(50), [] { return false; });
        }
        return {};
    }

    /// Before any run: a name that is claimed in a storage is claimed with the cluster's identity.
    Result<void> learn_cluster(const std::stop_token& stop) {
        if (!runner_.cluster.empty()) return {};
        const auto deadline = base::Deadline::after(kCacheSync);
        while (!stop.stop_requested()) {
            const auto uid = kube::cluster_uid(client_);
            if (uid) {
                runner_.cluster = *uid;
                return {};
            }
            if (deadline.passed()) return base::fail(uid.error().wrap("read the namespace kube-system"));
            base::pause(kRetry, stop);
        }
        return {};
    }

    void idle(const std::stop_token& stop) {
        std::unique_lock lock(mutex_);
        while (!stop.stop_requested()) {
            wake_.wait_for(lock, stop, kResync, [] { return false; });
            for (auto& loop : loops_) loop->look_at_all();
        }
    }

    const Options& options_;
    run::RunnerConfig runner_;  ///< Complete before the loops start; nothing changes it afterwards.
    kube::ServerClock clock_{};
    kube::ClockedTransport transport_;
    std::stop_source calls_{};
    telemetry::Metrics metrics_{};
    std::atomic<bool> ready_ = false;
    std::mutex mutex_{};
    std::condition_variable_any wake_{};
    kube::Client client_;
    kube::EventRecorder recorder_;
    kinds::Watched<api::Job> jobs_;
    kinds::Watched<api::Pod> pods_;
    jobs::Workload workload_;
    jobs::LockKeeper locks_;
    jobs::ProgressPoller progress_;
    jobs::CatalogueCollector collector_;
    kinds::Catalogue catalogue_{};
    jobs::RunDriver driver_;
    kinds::Environment environment_;
    std::vector<std::unique_ptr<kinds::Loop>> loops_{};
};

}  // namespace

Result<void> run(const Options& options, const std::stop_token& stop) {
    http::initialize_http();
    N4B_TRY(const auto transport, connect(options));
    Manager manager(options, *transport);
    return manager.run(stop);
}

}  // namespace n4b::operator_app
