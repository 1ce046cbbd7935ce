#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>

#include "backup-runner/storage/storage.hpp"

namespace n4b::testing {

/// What happens at the chosen operation.
enum class Fault {
    kNone,
    kFailBefore,  ///< The operation fails and did nothing.
    kFailAfter,   ///< It did its work, and fails all the same.
    kExitBefore,  ///< The process ends there.
    kExitAfter,
    kPowerOffBefore,  ///< The process ends, and everything that was not made durable is gone.
    kPowerOffAfter,
};

/// Exit code of a process that a fault ended.
inline constexpr int kFaultExit = 77;

/// Wraps a volume and counts every operation that changes it; at number `at` the fault strikes. Thread-safe.
class FaultyStorage final : public storage::Storage {
public:
    FaultyStorage(storage::Storage& inner, std::string root, Fault fault, std::int64_t at)
        : inner_(inner), root_(std::move(root)), fault_(fault), at_(at) {}

    /// Called with its key when an object was made durable; set before the storage is used.
    std::function<void(const std::string&)> on_finished{};

    [[nodiscard]] std::int64_t operations() const { return count_; }

    /// A file whose name was made by a process that ended before it could make the name durable.
    void assume_volatile(const std::string& key) { volatile_entries_.insert(key); }
    /// The worst that POSIX allows: unsynced contents are gone, unsynced names too. Ends the process.
    [[noreturn]] void power_off();

    base::Result<void> make_directories(std::string_view key) override;
    using storage::Storage::create;
    base::Result<std::unique_ptr<storage::Writer>> create(std::string_view key, storage::Caching caching) override;
    base::Result<std::unique_ptr<storage::Writer>> create_from(std::string_view key, std::string_view beginning,
                                                               std::int64_t bytes, storage::Caching caching) override;
    base::Result<void> publish(std::string_view from, std::string_view to) override;
    base::Result<void> rename(std::string_view from, std::string_view to) override;
    base::Result<void> replace(std::string_view from, std::string_view to) override;
    base::Result<void> replace_directory(std::string_view from, std::string_view to) override;
    base::Result<void> sync_directory(std::string_view key) override;
    base::Result<void> list(std::string_view key, const std::function<bool(const storage::Entry&)>& take) override;
    base::Result<bool> exists(std::string_view key) override;
    base::Result<void> remove(std::string_view key) override;
    base::Result<bool> remove_directory(std::string_view key) override;

private:
    class FaultyWriter;
    static constexpr std::int64_t kWhole = INT64_MAX;
    template <typename Operation>
    auto strike(Operation operation) -> decltype(operation());
    std::unique_ptr<storage::Writer> watch(std::string_view key, std::unique_ptr<storage::Writer> inner);
    /// What a file is called now that was created with that name.
    [[nodiscard]] std::string name_of(const std::string& created) const;
    /// A file has another name now, durably.
    void note_renamed(std::string_view from, std::string_view to);

    storage::Storage& inner_;
    const std::string root_;
    const Fault fault_;
    const std::int64_t at_;
    std::atomic<std::int64_t> count_ = 0;
    std::mutex mutex_{};                            ///< Guards all below.
    std::map<std::string, std::int64_t> files_{};   ///< Key to: how many bytes are durable.
    std::map<std::string, std::string> renamed_{};  ///< From the names with which files were created.
    std::set<std::string> volatile_entries_{};      ///< Names whose directory was not synced since they were made.
};

}  // namespace n4b::testing
