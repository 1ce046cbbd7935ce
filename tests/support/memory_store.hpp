#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "backup-runner/object_store/object_store.hpp"

namespace n4b::testing {

/// Objects in memory, with counted, slow and failing PUTs. Those of a batch are there once it is settled. Thread-safe.
class MemoryStore final : public object_store::ObjectStore {
public:
    struct Trouble {
        std::chrono::milliseconds put_takes{0};
        double bytes_per_second = 0;                   ///< That all PUTs get together; 0: as fast as they go.
        std::optional<std::int64_t> put_that_fails{};  ///< At once; counted from 0 on.
        bool forgets = false;                          ///< Keeps nothing of what is put.
        bool refuses_conditions = false;               ///< Takes no conditional writes.
        std::optional<base::Reason> creation_fails{};
        bool refuses_removal = false;
        bool keeps_versions = false;
        bool locks = false;  ///< Nothing can be deleted.
        std::optional<object_store::Space> space{};
    };
    MemoryStore() = default;
    explicit MemoryStore(Trouble trouble) : trouble_(trouble) {}

    base::Result<object_store::Creation> create(std::string_view key, std::span<const std::byte> bytes,
                                                const object_store::Call& call) override;
    base::Result<void> put(std::string_view key, std::span<const std::byte> bytes,
                           const object_store::Call& call) override;
    std::unique_ptr<object_store::ObjectBatch> begin_batch() override;
    base::Result<std::size_t> get(std::string_view key, std::int64_t offset, std::span<std::byte> into,
                                  const object_store::Call& call) override;
    base::Result<object_store::ObjectInfo> stat(std::string_view key, const object_store::Call& call) override;
    base::Result<void> list(std::string_view prefix, std::string_view after,
                            const std::function<bool(std::span<const object_store::ObjectInfo>)>& take,
                            const object_store::Call& call) override;
    base::Result<void> make_durable(std::string_view key, const object_store::Call& call) override;
    base::Result<object_store::Removal> remove(std::string_view key, const object_store::Call& call) override;
    base::Result<std::int64_t> remove_unfinished(std::string_view directory, const object_store::Call& call) override;
    base::Result<void> remove_empty(std::string_view directory, std::string_view kept,
                                    const object_store::Call& call) override;
    base::Result<base::SystemTime> now(const object_store::Call& call) override;
    base::Result<std::optional<object_store::Space>> space(const object_store::Call& call) override;

    /// Called at the begin of each list(); set before the store is used.
    std::function<void()> on_list{};
    /// The same for now().
    std::function<void()> on_now{};
    /// The same within each PUT, by the thread that stores; how many bytes there are.
    std::function<void(std::size_t bytes)> on_put{};
    /// Every list() fails, also one that is under way when this is set from within on_list.
    std::atomic<bool> lists_fail = false;

    /// Puts the store's clock forward.
    void let_pass(std::chrono::seconds span);

    [[nodiscard]] std::int64_t removals() const;  ///< Asked for.
    [[nodiscard]] std::int64_t puts() const;
    /// Of objects in batches whose digest was not theirs.
    [[nodiscard]] std::int64_t wrong_digests() const { return wrong_digests_; }
    [[nodiscard]] std::int64_t active_puts() const { return active_puts_; }
    [[nodiscard]] std::int64_t gets() const;
    [[nodiscard]] std::int64_t listed() const;  ///< Objects on all pages.
    [[nodiscard]] std::int64_t overwritten() const;
    /// Keys in the order in which their PUTs began.
    [[nodiscard]] std::vector<std::string> put_order() const;
    [[nodiscard]] std::map<std::string, std::vector<std::byte>> objects() const;
    /// Turns one bit.
    void damage(const std::string& key, std::size_t offset);

private:
    [[nodiscard]] base::SystemTime time() const;
    [[nodiscard]] object_store::ObjectInfo info_of(
        const std::pair<const std::string, std::vector<std::byte>>& object) const;
    /// Takes the time of a PUT, or fails as one.
    base::Result<void> begin_put(std::string_view key, std::size_t bytes, const object_store::Call& call);
    void keep(std::string_view key, std::vector<std::byte> bytes);

    const Trouble trouble_{};
    class Batch;
    std::atomic<std::int64_t> active_puts_ = 0;
    std::atomic<std::int64_t> wrong_digests_ = 0;
    mutable std::mutex mutex_{};  ///< Guards all below.
    std::map<std::string, std::vector<std::byte>> objects_{};
    std::map<std::string, base::SystemTime> times_{};
    std::chrono::seconds passed_{0};
    std::int64_t removals_ = 0;
    std::vector<std::string> put_order_{};
    base::SteadyTime busy_until_{};  ///< With what it has taken so far, at its rate.
    std::int64_t gets_ = 0;
    std::int64_t listed_ = 0;
    std::int64_t overwritten_ = 0;
};

}  // namespace n4b::testing
