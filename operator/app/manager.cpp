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

#include "common/httpd/server.hpp"
#include "operator/app/cache_sync.hpp"
#include "operator/controllers/backup_controller.hpp"
#include "operator/controllers/progress_poller.hpp"
#include "operator/controllers/storage_controller.hpp"
#include "operator/http/cpprest_transport.hpp"
#include "operator/http/plain_get.hpp"
#include "operator/kube/cluster_config.hpp"
#include "operator/kube/kube_metrics.hpp"
#include "operator/kube/reflector.hpp"
#include "operator/kube/server_clock.hpp"
#include "operator/runtime/controller.hpp"
#include "operator/runtime/runtime_metrics.hpp"
#include "operator/telemetry/log.hpp"
#include "operator/telemetry/metrics.hpp"

namespace n4b::operator_app {
namespace {

using base::ErrorCode;
using base::Result;

constexpr auto kCacheSync = std::chrono::minutes(2);     // controller-runtime
constexpr auto kLastCalls = std::chrono::seconds(5);     // Of the 10 s that the whole end may take.
constexpr auto kTokenReread = std::chrono::seconds(60);  // client-go
constexpr auto kResync = std::chrono::minutes(55);       // Every object is looked at again about once an hour.
constexpr char kOurSelector[] = "labelSelector=neo4jbackup.dev%2Fbackup-uid";

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
    Manager(const Options& options, http::Transport& transport)
        : options_(options),
          transport_(transport, clock_),
          client_(transport_, calls_.get_token()),
          recorder_(client_, clock_, options.instance),
          world_{.backups = kube::Store<api::Backup>([this](const auto& key, auto&&...) { backup_queue_.add(key); }),
                 .storages = kube::Store<api::Storage>([this](const auto& key, auto&&...) { storage_changed(key); }),
                 .jobs = kube::Store<api::Job>([this](const auto&, const auto& before, const auto& after) {
                     backup_of(after ? after->meta : before->meta);
                 }),
                 .pods = kube::Store<api::Pod>([this](const auto&, const auto& before, const auto& after) {
                     backup_of(after ? after->meta : before->meta);
                 })},
          slots_(options.max_concurrent_runs),
          backups_({.world = world_,
                    .client = client_,
                    .events = recorder_,
                    .slots = slots_,
                    .metrics = metrics_,
                    .clock = clock_,
                    .runner = options.runner,
                    .progress = [this](const std::string& key) { return progress_.latest(key); },
                    .wake = [this](const std::string& key) { backup_queue_.add(key); }}),
          progress_({.world = world_,
                     .metrics = metrics_,
                     .clock = clock_,
                     .fetch =
                         [](const std::string& ip, const std::stop_token& stop) {
                             return http::plain_get({.ip = ip, .port = plan::kRunnerHttpPort, .path = "/progress"},
                                                    stop);
                         },
                     .wake = [this](const std::string& key) { backup_queue_.add(key); }}),
          storages_(world_, client_, clock_),
          backup_loop_(
              "Neo4jBackup", backup_queue_,
              [this](const std::string& key, const std::stop_token& stop) { return backups_.reconcile(key, stop); },
              [this](const runtime::Outcome& o) { metrics_.reconciled("Neo4jBackup", o.error, o.took); }),
          storage_loop_(
              "Neo4jBackupStorage", storage_queue_,
              [this](const std::string& key, const std::stop_token&) { return storages_.reconcile(key); },
              [this](const runtime::Outcome& o) { metrics_.reconciled("Neo4jBackupStorage", o.error, o.took); }) {}

    Result<void> run(const std::stop_token& stop) {
        collect_metrics();
        N4B_TRY(const auto server,
                httpd::Server::start({.port = options_.http_port,
                                      .handlers = {{"/healthz", [] { return httpd::Response{.body = "ok\n"}; }},
                                                   {"/readyz", [this] { return readiness(); }},
                                                   {"/metrics", [this] { return metrics_page(); }}}}));
        watch_all();
        N4B_TRY_VOID(await_caches(stop));
        if (stop.stop_requested()) return {};
        backups_.recover();
        ready_ = true;
        telemetry::info("ready", {{"port", std::to_string(server->port())}, {"runnerImage", options_.runner.image}});
        backup_loop_.start(options_.workers);
        storage_loop_.start(1);
        progress_.start();
        idle(stop);
        telemetry::info("stopping");
        ready_ = false;
        // Reconciles under way may end as they like for a while; a call that hangs is cancelled then.
        const std::jthread cancel([this](const std::stop_token& ended) {
            std::mutex mutex;
            std::unique_lock lock(mutex);
            std::condition_variable_any wake;
            wake.wait_for(lock, ended, kLastCalls, [] { return false; });
            calls_.request_stop();
        });
        progress_.stop();
        backup_loop_.stop();
        storage_loop_.stop();
        std::vector<std::unique_ptr<kube::Reflector>> ended;
        const std::scoped_lock lock(mutex_);
        ended.swap(reflectors_);  // Destroyed after the lock.
        return {};
    }

private:
    /// Once all that is asked is there, and before anybody asks.
    void collect_metrics() {
        metrics_.add_collector([this] { return std::vector{kube::events_metric(recorder_)}; });
        metrics_.add_collector([this] { return runtime::loop_metrics({&backup_loop_, &storage_loop_}); });
        metrics_.add_collector([this] {
            const std::scoped_lock lock(mutex_);
            return kube::reflector_metrics(reflectors_);
        });
    }

    /// Wakes the backup whose Job or pod changed.
    void backup_of(const api::Meta& meta) {
        if (!ready_) return;  // Every backup is looked at once anyway.
        for (const auto& backup : world_.backups.all()) {
            if (backup->meta.uid == meta.backup_uid) return backup_queue_.add(backup->meta.key());
        }
    }

    /// Wakes the storage, and the backups that wait for it.
    void storage_changed(const std::string& key) {
        storage_queue_.add(key);
        if (!ready_) return;
        for (const auto& backup : world_.backups.all()) {
            const auto storage = backup->meta.object_namespace + "/" + backup->spec.storage;
            if (storage == key && !backup->finished()) backup_queue_.add(backup->meta.key());
        }
    }

    httpd::Response readiness() {
        if (ready_) return {.body = "ok\n"};
        return {.status = 503, .body = "caches are not filled yet\n"};
    }

    httpd::Response metrics_page() {
        return {.content_type = "text/plain; version=0.0.4; charset=utf-8", .body = metrics_.text()};
    }

    template <typename T>
    void watch(kube::Store<T>& store, const std::string& scope, kube::Resource resource,
               base::Result<T> (*parse)(const nlohmann::json&), const std::string& kind) {
        resource.scope = scope;
        resource.kind = kind;
        const auto unreadable = [kind](const kube::ObjectMeta& meta, const base::Error& error) {
            telemetry::warn("an object can't be read",
                            {{"kind", kind}, {"object", meta.key()}, {"error", error.message}});
        };
        const std::scoped_lock lock(mutex_);
        reflectors_.push_back(std::make_unique<kube::Reflector>(transport_, std::move(resource),
                                                                kube::sink_of<T>(store, scope, parse, unreadable)));
    }

    void watch_all() {
        auto scopes = options_.namespaces;
        if (scopes.empty()) scopes.emplace_back();
        const std::string ours = "/apis/neo4jbackup.dev/v1alpha1";
        for (const auto& scope : scopes) {
            watch(world_.backups, scope, {.path = kube::collection_path(ours, scope, "neo4jbackups")},
                  &api::parse_backup, "Neo4jBackup");
            watch(world_.storages, scope, {.path = kube::collection_path(ours, scope, "neo4jbackupstorages")},
                  &api::parse_storage, "Neo4jBackupStorage");
            watch(world_.jobs, scope,
                  {.path = kube::collection_path("/apis/batch/v1", scope, "jobs"), .query = kOurSelector},
                  &api::parse_job, "Job");
            watch(world_.pods, scope, {.path = kube::collection_path("/api/v1", scope, "pods"), .query = kOurSelector},
                  &api::parse_pod, "Pod");
        }
    }

    [[nodiscard]] CacheSync cache_sync() const {
        std::vector<CacheState> caches;
        caches.reserve(reflectors_.size());
        for (const auto& r : reflectors_) {
            caches.push_back({.scope = r->scope(), .ready = r->ready(), .last_error = r->list_error()});
        }
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
                return base::fail(
                    ErrorCode::kUnavailable,
                    "the API server did not list all our objects within two minutes; see the warnings above");
            }
            wake_.wait_for(lock, stop, std::chrono::milliseconds(50), [] { return false; });
        }
        return {};
    }

    void idle(const std::stop_token& stop) {
        std::unique_lock lock(mutex_);
        while (!stop.stop_requested()) {
            wake_.wait_for(lock, stop, kResync, [] { return false; });
            const auto again = runtime::Urgency::kAgain;
            for (const auto& backup : world_.backups.all()) backup_queue_.add(backup->meta.key(), again);
            for (const auto& storage : world_.storages.all()) storage_queue_.add(storage->meta.key(), again);
        }
    }

    const Options& options_;
    kube::ServerClock clock_{};
    kube::ClockedTransport transport_;
    std::stop_source calls_{};
    telemetry::Metrics metrics_{};
    runtime::WorkQueue backup_queue_{};
    runtime::WorkQueue storage_queue_{};
    std::atomic<bool> ready_ = false;
    std::mutex mutex_{};
    std::condition_variable_any wake_{};
    kube::Client client_;
    kube::EventRecorder recorder_;
    controllers::World world_;
    controllers::RunSlots slots_;
    controllers::BackupController backups_;
    controllers::ProgressPoller progress_;
    controllers::StorageController storages_;
    runtime::Controller backup_loop_;
    runtime::Controller storage_loop_;
    std::vector<std::unique_ptr<kube::Reflector>> reflectors_{};
};

}  // namespace

Result<void> run(const Options& options, const std::stop_token& stop) {
    http::initialize_http();
    N4B_TRY(const auto transport, connect(options));
    Manager manager(options, *transport);
    return manager.run(stop);
}

}  // namespace n4b::operator_app
