#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>

#include "common/base/clock.hpp"
#include "operator/kube/client.hpp"
#include "operator/kube/store.hpp"
#include "operator/kube/watch_fsm.hpp"

namespace n4b::kube {

/// What a reflector follows.
struct Resource {
    std::string path{};     ///< Collection path.
    std::string query{};    ///< Further parameters, e.g. a label selector.
    std::string scope{};    ///< The namespace, empty for all.
    std::string kind{};     ///< For people.
    ObjectLimits limits{};  ///< Of each object.
};

/// Where its objects go. Called from the reflector's thread only.
struct ObjectSink {
    /// Stores one object. An error: it can't be read.
    std::function<base::Result<void>(const ObjectMeta& meta, const nlohmann::json& json)> apply;
    /// One that is there, but can't be read: apply said so, it is too large, or broken. It counts as listed.
    std::function<void(const ObjectMeta& meta, const base::Error& error)> unreadable;
    std::function<void(const ObjectMeta& meta)> remove;
    std::function<void(const std::set<std::string>& keep)> retain;
};

/// How often what went wrong, since the reflector was made.
struct ReflectorCounts {
    std::uint64_t list_failures = 0;
    std::uint64_t watch_failures = 0;
    std::uint64_t unreadable = 0;  ///< Objects seen that could not be read, each time they were seen.
};

/// Keeps a store equal to the API server by list and watch; the decisions are in watch_fsm. Owns one thread, which ends
/// with the object.
class Reflector {
public:
    Reflector(http::Transport& transport, Resource resource, ObjectSink sink);
    ~Reflector();
    Reflector(const Reflector&) = delete;
    Reflector& operator=(const Reflector&) = delete;

    /// True once the first list is complete.
    [[nodiscard]] bool ready() const { return ready_; }
    /// Of the last list, if that failed.
    [[nodiscard]] std::optional<base::ErrorCode> list_error() const;
    /// The namespace, empty for all.
    [[nodiscard]] const std::string& scope() const { return resource_.scope; }
    [[nodiscard]] const std::string& kind() const { return resource_.kind; }
    /// How long the API server has said nothing: no page, event, bookmark or refusal. It grows while the API server is
    /// away too.
    [[nodiscard]] std::chrono::steady_clock::duration silent_for() const;
    /// How long the thread has not got anywhere, a call that failed counting as progress. A call ends within 150 s, so
    /// minutes of this are a fault that only a restart mends, whereas silence alone may be the API server's.
    [[nodiscard]] std::chrono::steady_clock::duration stuck_for() const;
    [[nodiscard]] ReflectorCounts counts() const;

private:
    struct Progress;
    void run(const std::stop_token& stop);
    WatchStep step(Client& client, Progress& progress);
    base::Result<ListResult> read_list(Client& client, Progress& progress, const Listing& listing);
    WatchStep list(Client& client, Progress& progress, const Listing& listing);
    WatchStep watch(Client& client, Progress& progress, const Watching& watching);
    /// Takes one object in; its key, empty when not even that can be read.
    std::string take(const SeenObject& object);
    void tell_failure(const Progress& progress, bool listing) const;
    void heard();
    void note_answer(const base::Error& error);
    void note_list_error(std::optional<base::ErrorCode> code);
    http::Transport& transport_;
    Resource resource_;
    ObjectSink sink_;
    std::atomic<bool> ready_ = false;
    mutable std::mutex list_error_mutex_{};
    std::optional<base::ErrorCode> list_error_{};
    std::atomic<base::SteadyTime> heard_ = std::chrono::steady_clock::now();
    std::atomic<base::SteadyTime> moved_ = std::chrono::steady_clock::now();
    std::atomic<std::uint64_t> list_failures_ = 0;
    std::atomic<std::uint64_t> watch_failures_ = 0;
    std::atomic<std::uint64_t> unreadable_ = 0;
    std::jthread thread_{};
};

/// Binds a store and a parser. An object that can't be read is marked so in the store; `unreadable` is told each time.
template <typename T>
ObjectSink sink_of(Store<T>& store, std::string scope, std::function<base::Result<T>(const nlohmann::json&)> parse,
                   std::function<void(const ObjectMeta&, const base::Error&)> unreadable) {
    return {.apply = [&store, parse = std::move(parse)](const ObjectMeta& meta,
                                                        const nlohmann::json& json) -> base::Result<void> {
                N4B_TRY(auto object, parse(json));
                store.apply(meta.key(), std::move(object));
                return {};
            },
            .unreadable =
                [&store, unreadable = std::move(unreadable)](const ObjectMeta& meta, const base::Error& error) {
                    unreadable(meta, error);
                    if (meta.name.empty()) return;
                    // What is known under this name may be another object, which is gone then.
                    const auto known = store.get(meta.key());
                    if (known && known->meta.uid != meta.uid) store.remove(meta.key());
                    store.mark_unreadable({.key = meta.key(),
                                           .uid = meta.uid,
                                           .resource_version = meta.resource_version,
                                           .reason = error.reason.value_or(base::Reason::kObjectUnreadable),
                                           .error = error.message});
                },
            .remove = [&store](const ObjectMeta& meta) { store.remove(meta.key()); },
            .retain = [&store, scope](const std::set<std::string>& keep) { store.retain(scope, keep); }};
}

}  // namespace n4b::kube
