#include "operator/run/locks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace n4b::run {
namespace {

constexpr char kSource[] = "source ";
constexpr char kClaim[] = "claim ";
constexpr char kStorage[] = "storage ";
constexpr char kRetention[] = "retention of ";
constexpr char kTarget[] = "restore into ";
constexpr std::size_t kMaxWoken = 32;  // The others look again by themselves.

bool overlap(const std::vector<std::string>& a, const std::vector<std::string>& b) {
    return std::find_first_of(a.begin(), a.end(), b.begin(), b.end()) != a.end();
}

constexpr char kMembers[] = ", its members";

/// A look at a source's members or at a storage takes no slot: it is small, and when its pod can't be made, it would
/// keep backups from theirs until it gives up.
bool takes_slot(const std::string& lock) {
    return !is_claim_lock(lock) && !lock.ends_with(kMembers) && !lock.starts_with(kStorage);
}

template <typename Locks>
bool any_takes_slot(const Locks& locks) {
    return std::any_of(locks.begin(), locks.end(), takes_slot);
}

std::string called(const Holder& holder) {
    return fmt::format("{} {}", holder.kind, holder.key);
}

}  // namespace

std::string source_lock(const std::string& object_namespace, const std::string& source, const std::string& database) {
    return fmt::format("{}{}/{}, database {}", kSource, object_namespace, source, database);
}

std::string members_lock(const std::string& object_namespace, const std::string& source) {
    return fmt::format("{}{}/{}{}", kSource, object_namespace, source, kMembers);
}

std::string look_lock(const std::string& object_namespace, const std::string& storage) {
    return fmt::format("{}{}/{}", kStorage, object_namespace, storage);
}

std::string claim_lock(const std::string& object_namespace, const std::string& claim) {
    return fmt::format("{}{}/{}", kClaim, object_namespace, claim);
}

std::string retention_lock(const std::string& object_namespace, const std::string& schedule) {
    return fmt::format("{}{}/{}", kRetention, object_namespace, schedule);
}

std::string target_lock(const std::string& object_namespace, const std::string& claim) {
    return fmt::format("{}{}/{}", kTarget, object_namespace, claim);
}

bool is_lock_of(const std::string& object_namespace, const std::string& lock) {
    return lock.starts_with(fmt::format("{}{}/", kClaim, object_namespace)) ||
           lock.starts_with(fmt::format("{}{}/", kStorage, object_namespace)) ||
           lock.starts_with(fmt::format("{}{}/", kTarget, object_namespace)) ||
           lock.starts_with(fmt::format("{}{}/", kRetention, object_namespace)) ||
           lock.starts_with(fmt::format("{}{}/", kSource, object_namespace));
}

bool is_claim_lock(const std::string& lock) {
    return lock.starts_with(kClaim);
}

const Locks::Held* Locks::in_the_way(const std::string& uid, const std::vector<std::string>& locks,
                                     std::string& lock) const {
    for (const auto& wanted : locks) {
        const auto holder = holder_of_.find(wanted);
        if (holder == holder_of_.end() || holder->second == uid) continue;
        lock = wanted;
        return &held_.at(holder->second);
    }
    return nullptr;
}

bool Locks::is_free(const std::string& uid, const std::vector<std::string>& locks) const {
    std::string lock;
    return in_the_way(uid, locks, lock) == nullptr;
}

void Locks::wait(const Holder& holder, const std::vector<std::string>& locks) {
    const auto before = waiting_.find(holder.uid);
    if (before != waiting_.end() && before->second.locks == locks) return;
    // With other locks it waits for something else, but it keeps its turn.
    const auto turn = before != waiting_.end() ? before->second.turn : next_turn_++;
    leave(holder.uid);
    leave_others(holder);
    waiting_[holder.uid] = {.holder = holder, .locks = locks, .turn = turn};
    turns_[turn] = holder.uid;
    groups_[locks].insert(turn);
    names_[called(holder)] = holder.uid;
    for (const auto& lock : locks) ++awaited_[lock];
}

const Locks::Waiting* Locks::first_of(const std::set<std::uint64_t>& turns) const {
    const auto& first = waiting_.at(turns_.at(*turns.begin()));
    std::string lock;
    const auto* holder = in_the_way(first.holder.uid, first.locks, lock);
    if (holder == nullptr) return &first;
    // One that keeps a claim and wants to start again can do so although the others can't.
    const auto own = waiting_.find(holder->holder.uid);
    const bool can_go_on =
        own != waiting_.end() && turns.contains(own->second.turn) && is_free(own->first, first.locks);
    return can_go_on ? &own->second : nullptr;
}

std::vector<const Locks::Waiting*> Locks::starters() const {
    std::vector<const Waiting*> found;
    if (free_slots() == 0) return found;
    std::map<std::uint64_t, const Waiting*> able;
    for (const auto& [locks, turns] : groups_) {
        if (const auto* waiting = first_of(turns)) able.emplace(waiting->turn, waiting);
    }
    std::set<std::string> taken;
    for (const auto& [turn, waiting] : able) {
        if (found.size() == free_slots()) break;
        const bool excluded = std::any_of(waiting->locks.begin(), waiting->locks.end(),
                                          [&](const auto& lock) { return taken.contains(lock); });
        if (excluded) continue;
        taken.insert(waiting->locks.begin(), waiting->locks.end());
        found.push_back(waiting);
    }
    return found;
}

std::optional<Locks::Blocked> Locks::peek(const Holder& holder, const std::vector<std::string>& locks) {
    std::string lock;
    const auto* other = in_the_way(holder.uid, locks, lock);
    if (other == nullptr && (has_slot(holder.uid) || free_slots() > 0 || !any_takes_slot(locks))) return std::nullopt;
    wait(holder, locks);
    if (other != nullptr) {
        return Blocked{fmt::format("{} is held by {}", lock, called(other->holder)), other->holder};
    }
    return Blocked{fmt::format("{} runs are under way, which is the operator's limit", limit_), std::nullopt};
}

std::optional<Locks::Blocked> Locks::acquire(const Holder& holder, const std::vector<std::string>& locks) {
    if (auto blocked = peek(holder, locks)) return blocked;
    if (any_takes_slot(locks) && !has_slot(holder.uid)) {
        wait(holder, locks);
        const auto first = starters();
        const auto is_asker = [&](const auto* each) { return each->holder.uid == holder.uid; };
        if (std::none_of(first.begin(), first.end(), is_asker)) return behind(first, locks);
    }
    hold(holder, locks);
    return std::nullopt;
}

Locks::Blocked Locks::behind(const std::vector<const Waiting*>& starters, const std::vector<std::string>& locks) {
    for (const auto* each : starters) {
        if (overlap(each->locks, locks)) return {called(each->holder) + " came first and is about to start", {}};
    }
    return {"runs that came first are about to take the last free slots", {}};
}

void Locks::hold(const Holder& holder, const std::vector<std::string>& locks) {
    leave(holder.uid);
    auto& held = held_[holder.uid];
    held.holder = holder;
    for (const auto& lock : locks) {
        if (holder_of_.try_emplace(lock, holder.uid).first->second == holder.uid) held.locks.insert(lock);
    }
    if (any_takes_slot(locks) && !std::exchange(held.has_slot, true)) ++running_;
}

bool Locks::has_slot(const std::string& uid) const {
    const auto held = held_.find(uid);
    return held != held_.end() && held->second.has_slot;
}

void Locks::keep_only(const std::string& uid, const std::set<std::string>& locks) {
    const auto held = held_.find(uid);
    if (held == held_.end()) return;
    auto& kept = held->second.locks;
    std::erase_if(kept, [&](const auto& lock) {
        if (locks.contains(lock)) return false;
        holder_of_.erase(lock);
        freed_ = true;
        return true;
    });
    if (!any_takes_slot(kept) && std::exchange(held->second.has_slot, false)) {
        --running_;
        freed_ = true;
    }
    if (kept.empty()) held_.erase(held);
}

void Locks::leave(const std::string& uid) {
    const auto entry = waiting_.find(uid);
    if (entry == waiting_.end()) return;
    for (const auto& lock : entry->second.locks) {
        if (--awaited_[lock] == 0) awaited_.erase(lock);
    }
    turns_.erase(entry->second.turn);
    const auto group = groups_.find(entry->second.locks);
    group->second.erase(entry->second.turn);
    if (group->second.empty()) groups_.erase(group);
    freed_ = true;
    names_.erase(called(entry->second.holder));
    waiting_.erase(entry);
}

void Locks::leave_others(const Holder& present) {
    const auto name = names_.find(called(present));
    if (name != names_.end() && name->second != present.uid) leave(std::string(name->second));
}

std::vector<Holder> Locks::ready() const {
    std::vector<Holder> holders;
    for (const auto* waiting : starters()) {
        if (holders.size() == kMaxWoken) break;
        holders.push_back(waiting->holder);
    }
    return holders;
}

std::vector<Holder> Locks::holders() const {
    std::vector<Holder> all;
    for (const auto& [uid, held] : held_) all.push_back(held.holder);
    return all;
}

bool Locks::is_awaited(const std::string& uid) const {
    const auto held = held_.find(uid);
    return held != held_.end() && std::any_of(held->second.locks.begin(), held->second.locks.end(),
                                              [&](const auto& lock) { return awaited_.contains(lock); });
}

}  // namespace n4b::run
