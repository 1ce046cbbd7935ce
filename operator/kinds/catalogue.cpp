#include "operator/kinds/catalogue.hpp"

#include <fmt/format.h>

#include <cctype>
#include <utility>

#include "common/base/fnv1a.hpp"

namespace n4b::kinds {
namespace {

/// Of names of objects.
constexpr std::size_t kMaxName = 253;
constexpr std::size_t kHash = 9;  // "-" and eight digits.

std::string with_hash(std::string name, const std::string& of) {
    if (name.size() > kMaxName - kHash) name.resize(kMaxName - kHash);
    return fmt::format("{}-{:08x}", name, static_cast<std::uint32_t>(base::fnv1a(of)));
}

}  // namespace

std::string chain_object_name(const std::string& storage, const std::string& chain) {
    std::string lower = chain;
    for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    // A chain's name ends with hexadecimal digits, so this ends with a letter or a digit, as Kubernetes demands of a
    // name.
    auto name = storage + "-" + lower;
    return name.size() <= kMaxName ? name : with_hash(std::move(name), storage + "/" + chain);
}

ListedChains named(const std::string& storage, std::vector<contract::ChainRecord> records) {
    ListedChains listed;
    for (auto& record : records) {
        auto name = chain_object_name(storage, record.chain);
        if (listed.chains.contains(name)) name = with_hash(std::move(name), record.source + "/" + record.database);
        listed.chains.insert_or_assign(std::move(name), std::move(record));
    }
    return listed;
}

void Catalogue::put(const std::string& storage_key, ListedChains chains) {
    {
        const std::scoped_lock lock(mutex_);
        std::erase_if(storages_, [&](const auto& entry) { return entry.second == storage_key; });
        const auto object_namespace = storage_key.substr(0, storage_key.find('/'));
        for (const auto& [name, record] : chains.chains) storages_[object_namespace + "/" + name] = storage_key;
        const auto outdated = outdated_.find(storage_key);
        if (outdated != outdated_.end() && outdated->second < chains.begun) outdated_.erase(outdated);
        listed_.insert_or_assign(storage_key, std::make_shared<const ListedChains>(std::move(chains)));
    }
    if (changed_) changed_(storage_key);
}

std::string Catalogue::storage_of(const std::string& object_key) const {
    const std::scoped_lock lock(mutex_);
    const auto found = storages_.find(object_key);
    return found == storages_.end() ? std::string() : found->second;
}

std::shared_ptr<const ListedChains> Catalogue::of(const std::string& storage_key) const {
    const std::scoped_lock lock(mutex_);
    const auto found = listed_.find(storage_key);
    return found == listed_.end() ? nullptr : found->second;
}

void Catalogue::forget(const std::string& storage_key) {
    const std::scoped_lock lock(mutex_);
    std::erase_if(storages_, [&](const auto& entry) { return entry.second == storage_key; });
    listed_.erase(storage_key);
    outdated_.erase(storage_key);
}

void Catalogue::outdate(const std::string& storage_key, base::SystemTime at) {
    {
        const std::scoped_lock lock(mutex_);
        const auto listed = listed_.find(storage_key);
        if (outdated_.contains(storage_key) || (listed != listed_.end() && at < listed->second->begun)) return;
        outdated_.insert_or_assign(storage_key, at);
    }
    if (told_outdated_) told_outdated_(storage_key);
}

bool Catalogue::is_outdated(const std::string& storage_key) const {
    const std::scoped_lock lock(mutex_);
    return outdated_.contains(storage_key);
}

}  // namespace n4b::kinds
