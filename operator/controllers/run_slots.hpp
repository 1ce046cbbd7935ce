#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace n4b::controllers {

/// Which backups may run: one at a time for each group (namespace, source and database), and a limit over all. Lives in
/// memory; after a restart the runs that are under way are held again before anything starts. Two operators at once
/// could exceed it, which costs load but no data: writers never share a key. Thread-safe.
class RunSlots {
public:
    explicit RunSlots(std::size_t limit) : limit_(limit) {}

    /// Takes the slot, or keeps it; nothing on success, else why not.
    std::optional<std::string> acquire(const std::string& key, const std::string& group);
    /// Takes it whatever the limits say: the run is under way.
    void hold(const std::string& key, const std::string& group);
    /// Gives it back; returns who should look again: those that wait for the same group, then the others, each in the
    /// order they asked first.
    std::vector<std::string> release(const std::string& key);
    [[nodiscard]] std::size_t held() const;

private:
    /// Gives back what the key holds of another group: an object that was made anew under its name, with another
    /// source.
    void leave_other(const std::string& key, const std::string& group);
    void leave(std::map<std::string, std::string>::iterator entry);
    void wait(const std::string& key, const std::string& group);
    void stop_waiting(const std::string& key);

    mutable std::mutex mutex_{};
    std::size_t limit_;
    std::map<std::string, std::string> group_of_{};   ///< By key.
    std::map<std::string, std::string> holder_of_{};  ///< By group.
    struct Waiting {
        std::uint64_t turn = 0;
        std::string group{};
    };
    std::map<std::string, Waiting> waiting_{};      ///< By key.
    std::map<std::uint64_t, std::string> turns_{};  ///< The keys of those, in the order they asked first.
    std::uint64_t next_turn_ = 0;
};

}  // namespace n4b::controllers
