#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "operator/jobs/workload.hpp"
#include "operator/run/locks.hpp"

namespace n4b::jobs {

/// The locks that a Job's or pod's annotation names, of its own namespace only: anybody may write an annotation.
std::vector<std::string> lock_names(const api::Meta& meta);

/// Holds locks for as long as a pod of an attempt lives, and no longer: neither through waits and gates, nor when the
/// object whose run it was is deleted. What is held is computed from Jobs and pods, so a restart finds it again in
/// their annotations. Thread-safe.
class LockKeeper {
public:
    using Wake = std::function<void(const std::string& kind, const std::string& key)>;
    LockKeeper(std::size_t limit, const Workload& workload, const base::Clock& clock, Wake wake)
        : workload_(workload), clock_(clock), wake_(std::move(wake)), locks_(limit) {}

    /// Holds what living pods hold. Before the first run is looked at.
    void recover();

    /// Whether the run has to wait, as far as these locks tell; nothing: it need not.
    std::optional<std::string> peek(const run::Holder& holder, const std::vector<std::string>& locks);
    /// Takes the locks for an attempt that is about to start; nothing on success, else what is in the way.
    std::optional<std::string> acquire(const run::Holder& holder, const std::vector<std::string>& locks);
    /// The attempt that took the locks got this Job, which is about to be let go. They are held until its pods have
    /// ended.
    void belongs_to(const run::Holder& holder, const std::string& job_uid, const std::vector<std::string>& locks);
    /// No Job was made, or a gate is closed: neither holds anything for a new attempt nor waits in turn.
    void give_back(const std::string& owner_uid);
    /// Looks at the run's Jobs and pods again. `over` is the Job whose attempt has ended: should the stores not know
    /// it, none of its pods will come any more.
    void settle(const run::Holder& holder, const std::vector<std::string>& over);
    /// Looks at what an object of that name held or waited for under other uids: it was deleted, or made anew.
    void sweep(const std::string& kind, const std::string& key, const std::string& current_uid);

    /// Whether another run waits for something that this one holds.
    [[nodiscard]] bool is_awaited(const std::string& owner_uid) const;
    [[nodiscard]] std::size_t running() const;

private:
    struct Held {
        std::vector<std::string> locks{};
        bool over = false;
    };
    void settle_locked(const run::Holder& holder);
    [[nodiscard]] std::set<std::string> needed_by(const std::string& job_uid, const Held& held) const;
    void adopt_unknown(const run::Holder& holder);
    void wake_ready();
    /// The message for who waits. A holder without a slot has only a foreign container left, which it can remove.
    std::optional<std::string> tell(const std::optional<run::Locks::Blocked>& blocked);

    const Workload& workload_;
    const base::Clock& clock_;  ///< The API server's.
    Wake wake_;
    mutable std::mutex mutex_{};  ///< Guards what follows.
    run::Locks locks_;
    std::map<std::string, std::map<std::string, Held>> jobs_{};   ///< By owner uid, then by Job uid.
    std::map<std::string, std::vector<std::string>> starting_{};  ///< Locks of attempts whose Job is being made.
};

}  // namespace n4b::jobs
