#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "operator/kube/kind.hpp"
#include "operator/kube/reflector.hpp"
#include "operator/kube/store.hpp"
#include "operator/runtime/controller.hpp"
#include "operator/runtime/work_queue.hpp"
#include "operator/telemetry/log.hpp"
#include "operator/telemetry/metrics.hpp"

namespace n4b::kinds {

/// Of objects of our kinds: with every field at its longest they are smaller, and one user's giant ones must not fill
/// the operator's memory.
inline constexpr kube::ObjectLimits kOwnLimits{.bytes = std::size_t{256} << 10U};

/// One kind at work, as the manager sees it. watch() fills its store, start() begins to look at its objects.
class Loop {
public:
    virtual ~Loop() = default;

    [[nodiscard]] virtual const std::string& kind() const = 0;
    /// Follows the objects of the namespaces; one empty name stands for all.
    virtual void watch(http::Transport& transport, const std::vector<std::string>& namespaces) = 0;
    [[nodiscard]] virtual const std::vector<std::unique_ptr<kube::Reflector>>& reflectors() const = 0;
    virtual void start() = 0;
    /// Lets what is being looked at finish.
    virtual void stop() = 0;
    /// Stops following. Nobody may read reflectors() any more.
    virtual void unwatch() = 0;
    /// Asks for a look at one object, or at all of them.
    virtual void look_at(const std::string& key) = 0;
    virtual void look_at_all() = 0;
    /// What looks at its objects; null: nothing does.
    [[nodiscard]] virtual const runtime::Controller* controller() const = 0;
};

/// Follows a kind without looking at its objects: others read its store.
template <typename T>
class Watched {
public:
    using Changed = typename kube::Store<T>::Changed;

    explicit Watched(kube::Kind<T> kind)
        : kind_(std::move(kind)), store_([this](const auto& key, const auto& before, const auto& after) {
              for (const auto& changed : subscribers_) changed(key, before, after);
          }) {}

    /// Before watch() only.
    void on_change(Changed changed) { subscribers_.push_back(std::move(changed)); }

    /// Is told of each object that can't be read. Before watch() only.
    void on_unreadable(std::function<void(const kube::Unreadable&)> told) { store_.on_unreadable(std::move(told)); }

    void watch(http::Transport& transport, const std::vector<std::string>& namespaces) {
        for (const auto& scope : namespaces) {
            const auto unreadable = [kind = kind_.name](const kube::ObjectMeta& meta, const base::Error& error) {
                telemetry::warn("an object can't be read",
                                {{"kind", kind}, {"object", meta.key()}, {"error", error.message}});
            };
            reflectors_.push_back(std::make_unique<kube::Reflector>(
                transport,
                kube::Resource{.path = kube::collection_path(kind_.api, scope, kind_.plural),
                               .query = kind_.query,
                               .scope = scope,
                               .kind = kind_.name,
                               .limits = kind_.limits},
                kube::sink_of<T>(store_, scope, kind_.parse, unreadable)));
        }
    }
    /// Nobody may read reflectors() any more.
    void unwatch() { reflectors_.clear(); }

    [[nodiscard]] const kube::Kind<T>& kind() const { return kind_; }
    [[nodiscard]] const kube::Store<T>& store() const { return store_; }
    /// By the uid of the controlling owner.
    [[nodiscard]] const kube::OwnerIndex<T>& by_owner() const { return by_owner_; }
    [[nodiscard]] const std::vector<std::unique_ptr<kube::Reflector>>& reflectors() const { return reflectors_; }

private:
    kube::Kind<T> kind_;
    std::vector<Changed> subscribers_{};
    kube::Store<T> store_;
    kube::OwnerIndex<T> by_owner_{store_};
    std::vector<std::unique_ptr<kube::Reflector>> reflectors_{};
};

/// A kind whose objects are looked at, each by one worker at a time.
template <typename T>
class KindLoop final : public Loop {
public:
    KindLoop(kube::Kind<T> kind, telemetry::Metrics& metrics) : watched_(std::move(kind)), metrics_(metrics) {
        watched_.on_change([this](const std::string& key, const auto&, const auto&) { queue_.add(key); });
    }

    /// How an object is looked at. Before start().
    void reconcile_with(runtime::Reconcile reconcile, int workers) {
        workers_ = workers;
        controller_ = std::make_unique<runtime::Controller>(
            kind(), queue_, std::move(reconcile),
            [this](const runtime::Outcome& outcome) { metrics_.reconciled(kind(), outcome.error, outcome.took); });
    }
    /// Is told of each object that can't be read. Before watch() only.
    void on_unreadable(std::function<void(const kube::Unreadable&)> told) { watched_.on_unreadable(std::move(told)); }
    void on_change(typename Watched<T>::Changed changed) { watched_.on_change(std::move(changed)); }
    [[nodiscard]] const kube::Store<T>& store() const { return watched_.store(); }
    /// By the uid of the controlling owner.
    [[nodiscard]] const kube::OwnerIndex<T>& by_owner() const { return watched_.by_owner(); }

    [[nodiscard]] const std::string& kind() const override { return watched_.kind().name; }
    void watch(http::Transport& transport, const std::vector<std::string>& namespaces) override {
        watched_.watch(transport, namespaces);
    }
    [[nodiscard]] const std::vector<std::unique_ptr<kube::Reflector>>& reflectors() const override {
        return watched_.reflectors();
    }
    void start() override {
        if (controller_) controller_->start(workers_);
    }
    void stop() override {
        if (controller_) controller_->stop();
    }
    void unwatch() override { watched_.unwatch(); }
    void look_at(const std::string& key) override { queue_.add(key); }
    void look_at_all() override {
        for (const auto& object : store().all()) queue_.add(object->meta.key(), runtime::Urgency::kAgain);
    }
    [[nodiscard]] const runtime::Controller* controller() const override { return controller_.get(); }

private:
    runtime::WorkQueue queue_{};
    Watched<T> watched_;
    telemetry::Metrics& metrics_;
    int workers_ = 1;
    std::unique_ptr<runtime::Controller> controller_{};
};

}  // namespace n4b::kinds
