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
#include <utility>

#include "common/base/clock.hpp"

namespace n4b::runtime {

/// Keys that want work, with client-go's rules: a key is queued once however often it is added; one that is added while
/// it is being worked on comes again after done(); so one worker a key at a time and no lost update. Pure: `now` is a
/// parameter; one thread.
class KeyQueue {
public:
    void add(const std::string& key);
    /// Adds at a time; the earliest of several wins.
    void add_at(const std::string& key, base::SteadyTime when);
    /// Moves what is due into the queue, and takes the next key.
    std::optional<std::string> take(base::SteadyTime now);
    void done(const std::string& key);
    /// When the next delayed key is due.
    [[nodiscard]] std::optional<base::SteadyTime> next_due() const;
    /// Counts a failure and returns how many there were in a row.
    std::uint32_t fail(const std::string& key) { return ++failures_[key]; }
    void forget(const std::string& key) { failures_.erase(key); }
    [[nodiscard]] std::size_t depth() const { return ready_.size(); }

private:
    std::deque<std::string> ready_{};
    std::set<std::string> dirty_{};
    std::set<std::string> processing_{};
    std::map<std::string, base::SteadyTime> delayed_{};
    std::set<std::pair<base::SteadyTime, std::string>> by_due_{};  ///< The same, the soonest first.
    std::map<std::string, std::uint32_t> failures_{};
};

/// A KeyQueue for several threads.
class WorkQueue {
public:
    void add(const std::string& key);
    /// Delays above an hour are cut to one: looking again does no harm, an overflow would.
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
