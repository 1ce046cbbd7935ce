#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace n4b::run {

/// The names of locks. A lock has one holder in the whole cluster.
std::string source_lock(const std::string& object_namespace, const std::string& source, const std::string& database);
/// Of the look at a source's members: two at once would only tell the same twice. It takes no slot.
std::string members_lock(const std::string& object_namespace, const std::string& source);
/// Of the look at a storage; like that one.
std::string look_lock(const std::string& object_namespace, const std::string& storage);
std::string claim_lock(const std::string& object_namespace, const std::string& claim);
/// Of the removal of a schedule's old chains.
std::string retention_lock(const std::string& object_namespace, const std::string& schedule);
/// Of the restore that writes to a claim. Beside the claim's own lock it stands for the work, which takes a slot.
std::string target_lock(const std::string& object_namespace, const std::string& claim);
/// Whether a lock stands for a volume: its holder keeps it as long as anything in the pod lives, since the volume stays
/// mounted; any other lock is free as soon as the runner's own container has ended.
bool is_claim_lock(const std::string& lock);

/// Whether it is a lock of that namespace.
bool is_lock_of(const std::string& object_namespace, const std::string& lock);

/// Who asks for locks or holds them.
struct Holder {
    std::string uid{};   ///< Of the object whose run it is.
    std::string kind{};  ///< "Neo4jBackup"
    std::string key{};   ///< "namespace/name"
    bool operator==(const Holder&) const = default;
};

/// Which runs may start an attempt: one holder a lock, and a limit over all holders. First come, first served among
/// those that can run: who could start now, but came later than somebody else who also could, waits. Pure; one thread.
/// Two operators at once could exceed it, which costs load but no data: writers never share a key.
class Locks {
public:
    explicit Locks(std::size_t limit) : limit_(limit) {}

    /// What keeps somebody from starting.
    struct Blocked {
        std::string message{};
        std::optional<Holder>
            by{};  ///< Who holds a lock that is wanted; nothing: the limit, or someone who came first.
    };
    /// Whether the asker would have to wait for a holder or a slot, some of whose locks are known already; then it
    /// waits in turn. Costs little, so that gates need not be looked at while it waits.
    std::optional<Blocked> peek(const Holder& holder, const std::vector<std::string>& locks);
    /// Takes the locks and a slot, or keeps them. Nothing on success, else who or what is in the way; the asker then
    /// waits in turn until it asks again with success, or leaves.
    std::optional<Blocked> acquire(const Holder& holder, const std::vector<std::string>& locks);
    /// Takes them whatever the limit says: a pod lives.
    void hold(const Holder& holder, const std::vector<std::string>& locks);
    /// The holder keeps only the locks that are named. With nothing but claims left it gives its slot back: its runner
    /// has ended, and only somebody else's container keeps the volume mounted.
    void keep_only(const std::string& uid, const std::set<std::string>& locks);
    /// No longer waits.
    void leave(const std::string& uid);
    /// Objects of that kind and name with another uid no longer wait: they are gone.
    void leave_others(const Holder& present);
    /// Whether somebody may have become able to start since the last call: a lock or a slot was given back, or somebody
    /// no longer waits. Costs nothing, so that a look at one of ten thousand waiting runs costs nothing either.
    bool take_freed() { return std::exchange(freed_, false); }
    /// Those that wait and could start now, in the order they came; a caller wakes them.
    [[nodiscard]] std::vector<Holder> ready() const;
    /// Everybody who holds something.
    [[nodiscard]] std::vector<Holder> holders() const;
    /// Whether it has a slot; a holder without one holds only claims, since its runner has ended.
    [[nodiscard]] bool has_slot(const std::string& uid) const;
    /// Whether somebody waits for a lock of this holder.
    [[nodiscard]] bool is_awaited(const std::string& uid) const;
    /// How many slots are taken.
    [[nodiscard]] std::size_t running() const { return running_; }
    [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }

private:
    struct Held {
        Holder holder{};
        std::set<std::string> locks{};
        bool has_slot = false;
    };
    struct Waiting {
        Holder holder{};
        std::vector<std::string> locks{};
        std::uint64_t turn = 0;
    };
    [[nodiscard]] const Held* in_the_way(const std::string& uid, const std::vector<std::string>& locks,
                                         std::string& lock) const;
    [[nodiscard]] bool is_free(const std::string& uid, const std::vector<std::string>& locks) const;
    [[nodiscard]] std::size_t free_slots() const { return limit_ - std::min(limit_, running_); }
    /// Of those that wait for the same locks, the only one that could take them now; null: nobody.
    [[nodiscard]] const Waiting* first_of(const std::set<std::uint64_t>& turns) const;
    /// Those that wait and could start now, each beside the ones before it, in the order they came; at most as many as
    /// slots are free.
    [[nodiscard]] std::vector<const Waiting*> starters() const;
    /// What to tell an asker that none of the starters is.
    static Blocked behind(const std::vector<const Waiting*>& starters, const std::vector<std::string>& locks);
    void wait(const Holder& holder, const std::vector<std::string>& locks);

    std::size_t limit_;
    std::size_t running_ = 0;
    std::map<std::string, Held> held_{};              ///< By uid.
    std::map<std::string, std::string> holder_of_{};  ///< Uid by lock.
    std::map<std::string, Waiting> waiting_{};        ///< By uid.
    std::map<std::uint64_t, std::string> turns_{};    ///< Uids of those, in the order they came.
    std::map<std::string, std::string> names_{};      ///< Uids of those, by kind and key.
    /// Turns of those, by what they wait for: ten thousand backups of one source are one entry.
    std::map<std::vector<std::string>, std::set<std::uint64_t>> groups_{};
    std::map<std::string, std::size_t> awaited_{};  ///< How many wait, by lock.
    std::uint64_t next_turn_ = 0;
    bool freed_ = false;
};

}  // namespace n4b::run
