#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace n4b::kube {

/// The last seen objects of one kind, by "namespace/name". One writer a scope (its reflector), many readers;
/// thread-safe. `changed` is told of every object that came, changed or went, outside the lock; after a relist also of
/// those that went away unseen.
template <typename T>
class Store {
public:
    using Ptr = std::shared_ptr<const T>;
    /// after is null for a deleted object.
    using Changed = std::function<void(const std::string& key, const Ptr& before, const Ptr& after)>;

    explicit Store(Changed changed) : changed_(std::move(changed)) {}

    [[nodiscard]] Ptr get(const std::string& key) const {
        const std::scoped_lock lock(mutex_);
        const auto found = objects_.find(key);
        return found == objects_.end() ? nullptr : found->second;
    }

    [[nodiscard]] std::vector<Ptr> all() const {
        const std::scoped_lock lock(mutex_);
        std::vector<Ptr> list;
        list.reserve(objects_.size());
        for (const auto& [key, object] : objects_) list.push_back(object);
        return list;
    }

    void apply(const std::string& key, T object) {
        Ptr after = std::make_shared<const T>(std::move(object));
        Ptr before;
        {
            const std::scoped_lock lock(mutex_);
            before = std::exchange(objects_[key], after);
        }
        changed_(key, before, after);
    }

    void remove(const std::string& key) {
        Ptr before;
        {
            const std::scoped_lock lock(mutex_);
            const auto found = objects_.find(key);
            if (found == objects_.end()) return;
            before = found->second;
            objects_.erase(found);
        }
        changed_(key, before, nullptr);
    }

    /// Removes what is in the scope (a namespace; empty: everything) and not in `keep`.
    void retain(const std::string& scope, const std::set<std::string>& keep) {
        std::vector<std::string> gone;
        {
            const std::scoped_lock lock(mutex_);
            for (const auto& [key, object] : objects_) {
                if ((scope.empty() || key.starts_with(scope + "/")) && !keep.contains(key)) gone.push_back(key);
            }
        }
        for (const auto& key : gone) remove(key);
    }

private:
    mutable std::mutex mutex_{};
    std::map<std::string, Ptr> objects_{};
    Changed changed_;
};

}  // namespace n4b::kube
