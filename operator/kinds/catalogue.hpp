#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "common/base/clock.hpp"
#include "common/contract/catalogue.hpp"

namespace n4b::kinds {

/// The name of the object that stands for a chain of a storage.
std::string chain_object_name(const std::string& storage, const std::string& chain);

/// The chains of a storage as a look at it found them.
struct ListedChains {
    base::SystemTime begun{};                               ///< Of the look: what ended later may be missing.
    bool all = true;                                        ///< Whether there was room for every chain.
    std::map<std::string, contract::ChainRecord> chains{};  ///< By the names of their objects.
};

/// Gives each chain its name. Where two sources or databases of a storage have a chain of one name, since it was
/// copied, the later ones in the order of the records get names of their own.
ListedChains named(const std::string& storage, std::vector<contract::ChainRecord> records);

/// What looks at storages found last, which the objects of chains are to show. It stands between the kind that looks
/// and the kind that shows, and is in memory only. Thread-safe.
class Catalogue {
public:
    using Changed = std::function<void(const std::string& storage_key)>;
    /// How many objects of chains a storage has, by its uid.
    using Count = std::function<std::size_t(const std::string& storage_uid)>;

    /// Who shows chains. Before the first look.
    void show_with(Changed changed, Count count) {
        changed_ = std::move(changed);
        count_ = std::move(count);
    }

    /// In place of what was known of the storage.
    void put(const std::string& storage_key, ListedChains chains);
    /// The key of the storage in which a look found the chain that an object stands for; empty: none did.
    [[nodiscard]] std::string storage_of(const std::string& object_key) const;
    /// Null: no look since the operator started has found any.
    [[nodiscard]] std::shared_ptr<const ListedChains> of(const std::string& storage_key) const;
    void forget(const std::string& storage_key);
    /// Who looks at storages again. Before the first look.
    void look_with(Changed outdated) { told_outdated_ = std::move(outdated); }
    /// Tells that chains went from a storage at that time, so that it is to be looked at again before its own. Nothing
    /// where a look has begun since; put() of such a look takes it back.
    void outdate(const std::string& storage_key, base::SystemTime at);
    [[nodiscard]] bool is_outdated(const std::string& storage_key) const;
    [[nodiscard]] std::size_t shown(const std::string& storage_uid) const { return count_ ? count_(storage_uid) : 0; }

private:
    mutable std::mutex mutex_{};                          ///< Guards listed_, storages_ and outdated_.
    std::map<std::string, base::SystemTime> outdated_{};  ///< By the keys of storages; since when.
    std::map<std::string, std::string> storages_{};       ///< By the keys of their chains' objects.
    std::map<std::string, std::shared_ptr<const ListedChains>> listed_{};
    Changed changed_{};
    Changed told_outdated_{};
    Count count_{};
};

}  // namespace n4b::kinds
