#include "operator/run/locks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace n4b::run {
namespace {

constexpr char kClaim[] = "claim ";
constexpr std::size_t kMaxWoken = 32;  // The others look again by themselves.

std::string called(const Holder& holder) {
    return fmt::format("{} {}", holder.kind, holder.key);
}

}  // namespace

std::string source_lock(const std::string& object_namespace, const std::string& source, const std::string& database) {
    return fmt::format("source {}/{}, database {}", object_namespace, source, database);
}

std::string claim_lock(const std::string& object_namespace, const std::string& claim) {
    return fmt::format("{}{}/{}", kClaim, object_namespace, claim);
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

std::size_t Locks::earlier(std::uint64_t turn) const {
    std::size_t found = 0;
    for (const auto& [other, uid] : turns_) {
        if (other >= turn || found == free_slots()) break;
        if (is_free(uid, waiting_.at(uid).locks)) ++found;
    }
    return found;
}

std::uint64_t Locks::wait(const Holder& holder, const std::vector<std::string>& locks) {
    const auto before = waiting_.find(holder.uid);
    if (before != waiting_.end() && before->second.locks == locks) return before->second.turn;
    // With other locks it waits for something else, but it keeps its turn.
    const auto turn = before != waiting_.end() ? before->second.turn : next_turn_++;
    leave(holder.uid);
    waiting_[holder.uid] = {.holder = holder, .locks = locks, .turn = turn};
    turns_[turn] = holder.uid;
    for (const auto& lock : locks) ++awaited_[lock];
    return turn;
}

const Locks::Waiting* Locks::came_first(std::uint64_t turn, const std::vector<std::string>& locks) const {
    for (const auto& [other, uid] : turns_) {
        if (other >= turn) return nullptr;
        const auto& waiting = waiting_.at(uid);
        const bool overlaps = std::any_of(locks.begin(), locks.end(), [&](const auto& lock) {
            return std::find(waiting.locks.begin(), waiting.locks.end(), lock) != waiting.locks.end();
        });
        if (overlaps && is_free(uid, waiting.locks)) return &waiting;
    }
    return nullptr;
}

std::optional<Locks::Blocked> Locks::peek(const Holder& holder, const std::vector<std::string>& locks) {
    if (has_slot(holder.uid)) return std::nullopt;
    std::string lock;
    const auto* other = in_the_way(holder.uid, locks, lock);
    if (other == nullptr && free_slots() > 0) return std::nullopt;
    wait(holder, locks);
    if (other != nullptr) {
        return Blocked{fmt::format("{} is held by {}", lock, called(other->holder)), other->holder};
    }
    return Blocked{fmt::format("{} runs are under way, which is the operator's limit", limit_), std::nullopt};
}

std::optional<Locks::Blocked> Locks::acquire(const Holder& holder, const std::vector<std::string>& locks) {
    if (auto blocked = peek(holder, locks)) return blocked;
    if (!has_slot(holder.uid)) {
        const auto turn = wait(holder, locks);
        if (earlier(turn) >= free_slots()) {
            return Blocked{"runs that came first are about to take the last free slots", std::nullopt};
        }
        if (const auto* first = came_first(turn, locks)) {
            return Blocked{fmt::format("{} came first and is about to start", called(first->holder)), std::nullopt};
        }
    }
    hold(holder, locks);
    return std::nullopt;
}

void Locks::hold(const Holder& holder, const std::vector<std::string>& locks) {
    leave(holder.uid);
    auto& held = held_[holder.uid];
    held.holder = holder;
    for (const auto& lock : locks) {
        if (holder_of_.try_emplace(lock, holder.uid).first->second == holder.uid) held.locks.insert(lock);
    }
    if (!std::exchange(held.has_slot, true)) ++running_;
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
        return true;
    });
    const bool runs = std::any_of(kept.begin(), kept.end(), [](const auto& lock) { return !is_claim_lock(lock); });
    if (!runs && std::exchange(held->second.has_slot, false)) --running_;
    if (kept.empty()) held_.erase(held);
}

void Locks::leave(const std::string& uid) {
    const auto entry = waiting_.find(uid);
    if (entry == waiting_.end()) return;
    for (const auto& lock : entry->second.locks) {
        if (--awaited_[lock] == 0) awaited_.erase(lock);
    }
    turns_.erase(entry->second.turn);
    waiting_.erase(entry);
}

std::vector<Holder> Locks::ready() const {
    std::vector<Holder> first;
    for (const auto& [turn, uid] : turns_) {
        if (first.size() == std::min(kMaxWoken, free_slots())) break;
        const auto& waiting = waiting_.at(uid);
        if (is_free(uid, waiting.locks)) first.push_back(waiting.holder);
    }
    return first;
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
