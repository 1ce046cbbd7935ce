#include "tests/support/memory_store.hpp"

#include <algorithm>
#include <condition_variable>

namespace n4b::testing {

using base::ErrorCode;
using base::Reason;
using base::Result;
using object_store::Call;
using object_store::ObjectInfo;

namespace {

tl::unexpected<base::Error> missing(std::string_view key) {
    return base::fail(ErrorCode::kNotFound, Reason::kArtifactNotFound, std::string(key) + ": not there");
}

/// As a slow server would; ends at the deadline or the stop.
Result<void> spend(std::chrono::milliseconds span, const Call& call) {
    if (span.count() > 0) {
        std::mutex mutex;
        std::condition_variable_any never;
        std::unique_lock lock(mutex);
        const auto end = base::Deadline::after(span).sooner(call.deadline);
        never.wait_until(lock, call.stop, end.when(), [] { return false; });
    }
    return object_store::check_call(call, "put");
}

}  // namespace

Result<object_store::Creation> MemoryStore::create(std::string_view key, std::span<const std::byte> bytes,
                                                   const Call& call) {
    N4B_TRY_VOID(object_store::check_call(call, "create"));
    if (trouble_.refuses_conditions) {
        return base::fail(ErrorCode::kInvalid, Reason::kStorageOperationUnsupported, "create: no conditional writes");
    }
    const std::lock_guard lock(mutex_);
    const auto [at, created] = objects_.emplace(key, std::vector(bytes.begin(), bytes.end()));
    return created ? object_store::Creation::kCreated : object_store::Creation::kTaken;
}

Result<void> MemoryStore::put(std::string_view key, std::span<const std::byte> bytes, const Call& call) {
    bool fails = false;
    {
        const std::lock_guard lock(mutex_);
        fails = trouble_.put_that_fails == static_cast<std::int64_t>(put_order_.size());
        put_order_.emplace_back(key);
    }
    if (fails) return base::fail(ErrorCode::kUnavailable, Reason::kStorageFull, "put: no room");
    ++active_puts_;
    const auto spent = spend(trouble_.put_takes, call);
    --active_puts_;
    N4B_TRY_VOID(spent);
    if (trouble_.forgets) return {};
    const std::lock_guard lock(mutex_);
    const auto [at, inserted] = objects_.insert_or_assign(std::string(key), std::vector(bytes.begin(), bytes.end()));
    if (!inserted) ++overwritten_;
    return {};
}

Result<std::size_t> MemoryStore::get(std::string_view key, std::int64_t offset, std::span<std::byte> into,
                                     const Call& call) {
    N4B_TRY_VOID(object_store::check_call(call, "get"));
    const std::lock_guard lock(mutex_);
    ++gets_;
    const auto found = objects_.find(std::string(key));
    if (found == objects_.end()) return missing(key);
    const auto& bytes = found->second;
    const auto begin = std::min(static_cast<std::size_t>(offset), bytes.size());
    const auto size = std::min(into.size(), bytes.size() - begin);
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(begin), size, into.begin());
    return size;
}

Result<ObjectInfo> MemoryStore::stat(std::string_view key, const Call& call) {
    N4B_TRY_VOID(object_store::check_call(call, "stat"));
    const std::lock_guard lock(mutex_);
    const auto found = objects_.find(std::string(key));
    if (found == objects_.end()) return missing(key);
    return ObjectInfo{.key = std::string(key), .bytes = static_cast<std::int64_t>(found->second.size())};
}

Result<void> MemoryStore::list(std::string_view prefix, std::string_view after,
                               const std::function<bool(std::span<const ObjectInfo>)>& take, const Call& call) {
    N4B_TRY_VOID(object_store::check_call(call, "list"));
    if (on_list) on_list();
    constexpr std::size_t kPageKeys = 1000;
    std::vector<ObjectInfo> page;
    const auto hand_out = [&] {
        {
            const std::lock_guard lock(mutex_);
            listed_ += static_cast<std::int64_t>(page.size());
        }
        const bool more = page.empty() || take(page);
        page.clear();
        return more;
    };
    for (const auto& [key, bytes] : objects()) {
        if (!key.starts_with(prefix) || key <= after) continue;
        page.push_back({.key = key, .bytes = static_cast<std::int64_t>(bytes.size())});
        if (page.size() == kPageKeys && !hand_out()) return {};
    }
    hand_out();
    return {};
}

Result<void> MemoryStore::make_durable(std::string_view key, const Call& call) {
    return stat(key, call).map([](const ObjectInfo&) {});
}

Result<object_store::Removal> MemoryStore::remove(std::string_view key, const Call& call) {
    N4B_TRY_VOID(object_store::check_call(call, "remove"));
    const std::lock_guard lock(mutex_);
    objects_.erase(std::string(key));
    return object_store::Removal::kRemoved;
}

Result<base::SystemTime> MemoryStore::now(const Call& /*call*/) {
    if (on_now) on_now();
    return base::RealClock().system_now();
}

Result<std::optional<object_store::Space>> MemoryStore::space(const Call& /*call*/) {
    return std::nullopt;
}

std::int64_t MemoryStore::puts() const {
    const std::lock_guard lock(mutex_);
    return static_cast<std::int64_t>(put_order_.size());
}

std::int64_t MemoryStore::listed() const {
    const std::lock_guard lock(mutex_);
    return listed_;
}

std::int64_t MemoryStore::gets() const {
    const std::lock_guard lock(mutex_);
    return gets_;
}

std::int64_t MemoryStore::overwritten() const {
    const std::lock_guard lock(mutex_);
    return overwritten_;
}

std::vector<std::string> MemoryStore::put_order() const {
    const std::lock_guard lock(mutex_);
    return put_order_;
}

std::map<std::string, std::vector<std::byte>> MemoryStore::objects() const {
    const std::lock_guard lock(mutex_);
    return objects_;
}

void MemoryStore::damage(const std::string& key, std::size_t offset) {
    const std::lock_guard lock(mutex_);
    objects_.at(key).at(offset) ^= std::byte{1};
}

}  // namespace n4b::testing
