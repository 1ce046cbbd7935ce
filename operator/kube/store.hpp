#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/base/reason.hpp"

namespace n4b::kube {

/// An object that is there, but can't be read.
struct Unreadable {
    std::string key{};
    std::string uid{};
    std::string resource_version{};
    base::Reason reason = base::Reason::kObjectUnreadable;  ///< Or kObjectTooLarge.
    std::string error{};
    bool operator==(const Unreadable&) const = default;
};

/// Names one of a store's indexes.
struct IndexId {
    std::size_t number = 0;
};

/// The last seen objects of one kind, by "namespace/name". One writer a scope (its reflector), many readers;
/// thread-safe. `changed` is told of every object that came, changed or went, outside the lock; after a relist also of
/// those that went away unseen.
///
/// An object that can't be read counts as there: its last readable version, if there was one, stays, so that nothing it
/// holds is freed, and the key is marked as unreadable until a readable version comes or the object goes.
template <typename T>
class Store {
public:
    using Ptr = std::shared_ptr<const T>;
    /// after is null for a deleted object.
    using Changed = std::function<void(const std::string& key, const Ptr& before, const Ptr& after)>;
    /// The values under which an object is found in an index; any number of them.
    using IndexValues = std::function<std::vector<std::string>(const T&)>;

    explicit Store(Changed changed) : changed_(std::move(changed)) {}

    /// Adds an index, e.g. by the uid of the controlling owner. Before the first object, by one thread.
    [[nodiscard]] IndexId add_index(IndexValues values) {
        indexes_.push_back({.values = std::move(values)});
        return {indexes_.size() - 1};
    }
    /// Tells of each object that becomes unreadable, or is so for another reason, outside the lock. Set before the
    /// first object, by one thread.
    void on_unreadable(std::function<void(const Unreadable&)> told) { told_unreadable_ = std::move(told); }

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

    [[nodiscard]] std::size_t size() const {
        const std::scoped_lock lock(mutex_);
        return objects_.size();
    }

    /// The objects that have this value in an index, in the order of their keys. Costs what it returns.
    [[nodiscard]] std::vector<Ptr> find(IndexId index, const std::string& value) const {
        const std::scoped_lock lock(mutex_);
        std::vector<Ptr> list;
        const auto& keys = indexes_.at(index.number).keys;
        const auto found = keys.find(value);
        if (found == keys.end()) return list;
        for (const auto& key : found->second) list.push_back(objects_.at(key));
        return list;
    }

    /// Whether the object can't be read, and why.
    [[nodiscard]] std::optional<Unreadable> unreadable(const std::string& key) const {
        const std::scoped_lock lock(mutex_);
        const auto found = unreadable_.find(key);
        return found == unreadable_.end() ? std::nullopt : std::optional(found->second);
    }

    /// The objects that can't be read, in the order of their keys.
    [[nodiscard]] std::vector<Unreadable> unreadable() const {
        const std::scoped_lock lock(mutex_);
        std::vector<Unreadable> list;
        for (const auto& [key, mark] : unreadable_) list.push_back(mark);
        return list;
    }

    void apply(const std::string& key, T object) {
        Ptr after = std::make_shared<const T>(std::move(object));
        Ptr before;
        {
            const std::scoped_lock lock(mutex_);
            before = std::exchange(objects_[key], after);
            unreadable_.erase(key);
            reindex(key, before, after);
        }
        changed_(key, before, after);
    }

    /// Marks an object as unreadable; what is known of it stays.
    void mark_unreadable(Unreadable mark) {
        {
            const std::scoped_lock lock(mutex_);
            auto& known = unreadable_[mark.key];
            if (known == mark) return;
            known = mark;
        }
        if (told_unreadable_) told_unreadable_(mark);
    }

    void remove(const std::string& key) {
        Ptr before;
        {
            const std::scoped_lock lock(mutex_);
            unreadable_.erase(key);
            const auto found = objects_.find(key);
            if (found == objects_.end()) return;
            before = found->second;
            objects_.erase(found);
            reindex(key, before, nullptr);
        }
        changed_(key, before, nullptr);
    }

    /// Removes what is in the scope (a namespace; empty: everything) and not in `keep`.
    void retain(const std::string& scope, const std::set<std::string>& keep) {
        std::vector<std::string> gone;
        {
            const std::scoped_lock lock(mutex_);
            const auto goes = [&](const std::string& key) {
                return (scope.empty() || key.starts_with(scope + "/")) && !keep.contains(key);
            };
            for (const auto& [key, object] : objects_) {
                if (goes(key)) gone.push_back(key);
            }
            std::erase_if(unreadable_, [&](const auto& entry) { return goes(entry.first); });
        }
        for (const auto& key : gone) remove(key);
    }

private:
    struct Index {
        IndexValues values;
        std::unordered_map<std::string, std::set<std::string>> keys{};
    };

    void reindex(const std::string& key, const Ptr& before, const Ptr& after) {
        for (auto& index : indexes_) {
            if (before) {
                for (const auto& value : index.values(*before)) {
                    const auto found = index.keys.find(value);
                    if (found == index.keys.end()) continue;
                    found->second.erase(key);
                    if (found->second.empty()) index.keys.erase(found);
                }
            }
            if (!after) continue;
            for (auto& value : index.values(*after)) index.keys[std::move(value)].insert(key);
        }
    }

    mutable std::mutex mutex_{};
    std::map<std::string, Ptr> objects_{};
    std::map<std::string, Unreadable> unreadable_{};
    std::vector<Index> indexes_{};
    Changed changed_;
    std::function<void(const Unreadable&)> told_unreadable_{};
};

/// Finds the objects of a store by the uid of the owner that controls them: the pods of a Job, the Jobs of a backup.
template <typename T>
class OwnerIndex {
public:
    /// Before the store's first object, by one thread.
    explicit OwnerIndex(Store<T>& store)
        : store_(store), index_(store.add_index([](const T& object) {
              return object.meta.controller_uid.empty() ? std::vector<std::string>()
                                                        : std::vector<std::string>{object.meta.controller_uid};
          })) {}

    /// In the order of their keys. Thread-safe.
    [[nodiscard]] std::vector<typename Store<T>::Ptr> owned_by(const std::string& uid) const {
        return store_.find(index_, uid);
    }

private:
    const Store<T>& store_;
    IndexId index_;
};

}  // namespace n4b::kube
