#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "common/base/clock.hpp"

namespace n4b::runtime {

/// How soon a key wants its worker.
enum class Urgency {
    kChanged,  ///< It is new, or something about it changed: somebody may wait for it.
    kAgain,    ///< It is only looked at again: a resync, a retry, a time that has come.
};

/// Keys that want work, with client-go's rules: a key is queued once however often it is added; one that is added while
/// it is being worked on comes again after done(); so one worker a key at a time and no lost update.
///
/// Changed keys come before those that are only looked at again, so that ten thousand objects at a restart don't stand
/// before the one that a person has just made. One key in eight comes from the others while they wait, so that they
/// never starve. Each call costs the same however many keys wait (the logarithm of them for delayed ones).
/// Pure: `now` is a parameter; one thread.
class KeyQueue {
public:
    void add(const std::string& key, Urgency urgency = Urgency::kChanged);
    /// Adds at a time, to be looked at again; the earliest of several wins.
    void add_at(const std::string& key, base::SteadyTime when);
    /// Moves what is due into the queue, and takes the next key.
    std::optional<std::string> take(base::SteadyTime now);
    void done(const std::string& key);
    /// When the next delayed key is due.
    [[nodiscard]] std::optional<base::SteadyTime> next_due() const;
    /// Counts a failure and returns how many there were in a row.
    std::uint32_t fail(const std::string& key) { return ++failures_[key]; }
    void forget(const std::string& key) { failures_.erase(key); }
    /// Keys that wait for a worker.
    [[nodiscard]] std::size_t depth() const { return waiting_.size(); }

private:
    void push(const std::string& key, Urgency urgency);
    std::optional<std::string> pop(std::deque<std::string>& level, Urgency urgency);
    /// In the order of their coming. A key that became urgent while it waited stands in both; where it stands in vain
    /// it is passed over.
    std::deque<std::string> changed_{};
    std::deque<std::string> again_{};
    std::unordered_map<std::string, Urgency> waiting_{};          ///< For a worker.
    std::unordered_map<std::string, Urgency> added_meanwhile_{};  ///< While they were worked on.
    std::unordered_set<std::string> processing_{};
    std::uint32_t changed_in_a_row_ = 0;
    std::map<std::string, base::SteadyTime> delayed_{};
    std::set<std::pair<base::SteadyTime, std::string>> by_due_{};  ///< The same, the soonest first.
    std::unordered_map<std::string, std::uint32_t> failures_{};
};

/// A KeyQueue for several threads.
class WorkQueue {
public:
    void add(const std::string& key, Urgency urgency = Urgency::kChanged);
    /// To be looked at again. Delays above an hour are cut to one: looking again does no harm, an overflow would.
    void add_after(const std::string& key, std::chrono::milliseconds delay);
    /// Blocks; nothing once stop was requested.
    std::optional<std::string> take(const std::stop_token& stop);
    void done(const std::string& key);
    std::uint32_t fail(const std::string& key);
    void forget(const std::string& key);
    [[nodiscard]] std::size_t depth() const;

private:
    mutable std::mutex mutex_{};
    std::condition_variable_any changed_{};
    KeyQueue queue_{};
};

}  // namespace n4b::runtime
