#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>

#include "operator/kube/client.hpp"
#include "operator/kube/store.hpp"
#include "operator/kube/watch_fsm.hpp"

namespace n4b::kube {

/// What a reflector follows.
struct Resource {
    std::string path{};   ///< Collection path.
    std::string query{};  ///< Further parameters, e.g. a label selector.
    std::string scope{};  ///< The namespace, empty for all.
    std::string kind{};   ///< For people.
};

/// Where its objects go. Called from the reflector's thread only.
struct ObjectSink {
    /// Stores one object and returns its key; an empty key when it can't be read (the object is skipped, the rest goes
    /// on).
    std::function<std::string(const nlohmann::json&)> apply;
    std::function<void(const nlohmann::json&)> remove;
    std::function<void(const std::set<std::string>& keep)> retain;
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
    [[nodiscard]] std::optional<base::ErrorCode> list_error() const { return list_error_; }
    /// The namespace, empty for all.
    [[nodiscard]] const std::string& scope() const { return resource_.scope; }

private:
    struct Progress;
    void run(const std::stop_token& stop);
    WatchStep step(Client& client, Progress& progress);
    WatchStep list(Client& client, Progress& progress, const Listing& listing);
    void tell_failure(const Progress& progress, bool listing) const;
    WatchStep watch(Client& client, Progress& progress, const Watching& watching);
    http::Transport& transport_;
    Resource resource_;
    ObjectSink sink_;
    std::atomic<bool> ready_ = false;
    std::atomic<std::optional<base::ErrorCode>> list_error_{};
    std::jthread thread_{};
};

/// Binds a store and a parser; objects that can't be read are logged and skipped.
template <typename T>
ObjectSink sink_of(Store<T>& store, std::string scope, std::function<base::Result<T>(const nlohmann::json&)> parse,
                   std::function<void(const base::Error&)> unreadable) {
    return {.apply = [&store, parse, unreadable](const nlohmann::json& json) -> std::string {
                auto object = parse(json);
                if (!object) {
                    unreadable(object.error());
                    return {};
                }
                std::string key = object->meta.key();
                store.apply(key, std::move(*object));
                return key;
            },
            .remove =
                [&store, parse = std::move(parse), unreadable = std::move(unreadable)](const nlohmann::json& json) {
                    const auto object = parse(json);
                    if (object) {
                        store.remove(object->meta.key());
                    } else {
                        unreadable(object.error());
                    }
                },
            .retain = [&store, scope](const std::set<std::string>& keep) { store.retain(scope, keep); }};
}

}  // namespace n4b::kube
