#include "operator/jobs/lock_keeper.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "operator/run/attempt.hpp"

namespace n4b::jobs {
namespace {

bool works(const api::Job& job) {
    return !job.complete && !job.failed && !job.suspended;
}

run::Holder holder_of(const api::Meta& meta, const std::string& owner_uid) {
    return {.uid = owner_uid, .kind = meta.owner_kind, .key = meta.object_namespace + "/" + meta.owner_name};
}

}  // namespace

std::vector<std::string> lock_names(const api::Meta& meta) {
    std::vector<std::string> names;
    for (std::size_t from = 0; from < meta.locks.size();) {
        const auto end = std::min(meta.locks.find('\n', from), meta.locks.size());
        auto name = meta.locks.substr(from, end - from);
        if (run::is_lock_of(meta.object_namespace, name)) names.push_back(std::move(name));
        from = end + 1;
    }
    return names;
}

void LockKeeper::recover() {
    const std::scoped_lock lock(mutex_);
    for (const auto& job : workload_.jobs.all()) {
        if (!works(*job)) continue;
        const auto locks = lock_names(job->meta);
        jobs_[job->meta.controller_uid][job->meta.uid] = {.locks = locks};
        locks_.hold(holder_of(job->meta, job->meta.controller_uid), locks);
    }
    // The Job of a living pod may be finished, or gone together with its owner.
    for (const auto& pod : workload_.pods.all()) {
        if (!pod->alive() || pod->meta.controller_uid.empty()) continue;
        const auto locks = lock_names(pod->meta);
        const auto holder = holder_of(pod->meta, pod->meta.owner_uid);
        jobs_[holder.uid].try_emplace(pod->meta.controller_uid, Held{.locks = locks});
        locks_.hold(holder, locks);
        settle_locked(holder);
    }
}

std::optional<std::string> LockKeeper::tell(const std::optional<run::Locks::Blocked>& blocked) {
    if (!blocked) return std::nullopt;
    if (blocked->by) {
        bool works = false;
        {
            const std::scoped_lock lock(mutex_);
            works = locks_.has_slot(blocked->by->uid);
        }
        if (!works) wake_(blocked->by->kind, blocked->by->key);
    }
    return blocked->message;
}

std::optional<std::string> LockKeeper::peek(const run::Holder& holder, const std::vector<std::string>& locks) {
    std::optional<run::Locks::Blocked> blocked;
    {
        const std::scoped_lock lock(mutex_);
        blocked = locks_.peek(holder, locks);
    }
    return tell(blocked);
}

std::optional<std::string> LockKeeper::acquire(const run::Holder& holder, const std::vector<std::string>& locks) {
    std::optional<run::Locks::Blocked> blocked;
    {
        const std::scoped_lock lock(mutex_);
        blocked = locks_.acquire(holder, locks);
        if (!blocked) starting_[holder.uid] = locks;
    }
    return tell(blocked);
}

void LockKeeper::belongs_to(const run::Holder& holder, const std::string& job_uid,
                            const std::vector<std::string>& locks) {
    const std::scoped_lock lock(mutex_);
    starting_.erase(holder.uid);
    jobs_[holder.uid][job_uid] = {.locks = locks};
    locks_.hold(holder, locks);
}

void LockKeeper::give_back(const std::string& owner_uid) {
    {
        const std::scoped_lock lock(mutex_);
        starting_.erase(owner_uid);
        locks_.leave(owner_uid);
        settle_locked({.uid = owner_uid});
    }
    wake_ready();
}

void LockKeeper::settle(const run::Holder& holder, const std::vector<std::string>& over) {
    {
        const std::scoped_lock lock(mutex_);
        adopt_unknown(holder);
        const auto jobs = jobs_.find(holder.uid);
        if (jobs != jobs_.end()) {
            for (auto& [uid, held] : jobs->second) {
                held.over = held.over || std::find(over.begin(), over.end(), uid) != over.end();
            }
        }
        settle_locked(holder);
    }
    wake_ready();
}

void LockKeeper::sweep(const std::string& kind, const std::string& key, const std::string& current_uid) {
    {
        const std::scoped_lock lock(mutex_);
        locks_.leave_others({.uid = current_uid, .kind = kind, .key = key});
        for (const auto& holder : locks_.holders()) {
            if (holder.kind != kind || holder.key != key || holder.uid == current_uid) continue;
            starting_.erase(holder.uid);
            for (auto& [uid, held] : jobs_[holder.uid]) held.over = true;
            settle_locked(holder);
        }
    }
    wake_ready();
}

void LockKeeper::adopt_unknown(const run::Holder& holder) {
    // A namespace that could not be listed at the start was not there to be recovered.
    for (const auto& job : workload_.jobs_of(holder.uid)) {
        if (!works(*job) || jobs_[holder.uid].contains(job->meta.uid)) continue;
        const auto locks = lock_names(job->meta);
        jobs_[holder.uid][job->meta.uid] = {.locks = locks};
        locks_.hold(holder, locks);
    }
}

std::set<std::string> LockKeeper::needed_by(const std::string& job_uid, const Held& held) const {
    const std::set<std::string> all(held.locks.begin(), held.locks.end());
    std::set<std::string> needed;
    bool has_pod = false;
    for (const auto& pod : workload_.pods_of(job_uid)) {
        has_pod = true;
        if (!pod->alive()) continue;
        // A pod on a node that doesn't answer keeps its volume, but must not stop the source's other runs for ever.
        if (!pod->work_ended() && !run::is_lost(*pod, clock_.system_now())) return all;
        std::copy_if(all.begin(), all.end(), std::inserter(needed, needed.end()), run::is_claim_lock);
    }
    // Without a pod one may still come, unless the attempt is known to be over.
    return has_pod || held.over ? needed : all;
}

void LockKeeper::settle_locked(const run::Holder& holder) {
    std::set<std::string> needed;
    if (const auto starting = starting_.find(holder.uid); starting != starting_.end()) {
        needed.insert(starting->second.begin(), starting->second.end());
    }
    const auto jobs = jobs_.find(holder.uid);
    if (jobs != jobs_.end()) {
        std::erase_if(jobs->second, [&](const auto& entry) {
            const auto locks = needed_by(entry.first, entry.second);
            needed.insert(locks.begin(), locks.end());
            return locks.empty();
        });
        if (jobs->second.empty()) jobs_.erase(jobs);
    }
    locks_.keep_only(holder.uid, needed);
}

void LockKeeper::wake_ready() {
    std::vector<run::Holder> ready;
    {
        const std::scoped_lock lock(mutex_);
        if (locks_.take_freed()) ready = locks_.ready();
    }
    for (const auto& holder : ready) wake_(holder.kind, holder.key);
}

bool LockKeeper::is_awaited(const std::string& owner_uid) const {
    const std::scoped_lock lock(mutex_);
    return locks_.is_awaited(owner_uid);
}

std::size_t LockKeeper::running() const {
    const std::scoped_lock lock(mutex_);
    return locks_.running();
}

}  // namespace n4b::jobs
