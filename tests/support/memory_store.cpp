#include "tests/support/memory_store.hpp"

#include <algorithm>
#include <condition_variable>

#include "backup-runner/s3/digest.hpp"

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
    if (trouble_.creation_fails) {
        return base::fail(ErrorCode::kFailedPrecondition, *trouble_.creation_fails, "create: refused");
    }
    const std::lock_guard lock(mutex_);
    const auto [at, created] = objects_.emplace(key, std::vector(bytes.begin(), bytes.end()));
    if (created) times_[std::string(key)] = time();
    return created ? object_store::Creation::kCreated : object_store::Creation::kTaken;
}

class MemoryStore::Batch final : public object_store::ObjectBatch {
public:
    explicit Batch(MemoryStore& store) : store_(store) {}

    Result<void> put(std::string_view key, const object_store::HashedBytes& object, const Call& call) override {
        if (s3::sha256_hex(object.bytes) != object.sha256) ++store_.wrong_digests_;
        N4B_TRY_VOID(store_.begin_put(key, object.bytes.size(), call));
        if (store_.trouble_.forgets) return {};
        const std::lock_guard lock(mutex_);
        unsettled_.emplace_back(key, std::vector(object.bytes.begin(), object.bytes.end()));
        return {};
    }

    Result<void> settle(const Call& call) override {
        N4B_TRY_VOID(object_store::check_call(call, "settle"));
        const std::lock_guard lock(mutex_);
        for (auto& [key, bytes] : unsettled_) store_.keep(key, std::move(bytes));
        unsettled_.clear();
        return {};
    }

private:
    MemoryStore& store_;
    std::mutex mutex_{};
    std::vector<std::pair<std::string, std::vector<std::byte>>> unsettled_{};  ///< Guarded by the mutex.
};

std::unique_ptr<object_store::ObjectBatch> MemoryStore::begin_batch() {
    return std::make_unique<Batch>(*this);
}

Result<void> MemoryStore::begin_put(std::string_view key, std::size_t bytes, const Call& call) {
    bool fails = false;
    auto takes = trouble_.put_takes;
    {
        const std::lock_guard lock(mutex_);
        fails = trouble_.put_that_fails == static_cast<std::int64_t>(put_order_.size());
        put_order_.emplace_back(key);
        if (trouble_.bytes_per_second > 0) {
            const auto now = std::chrono::steady_clock::now();
            const std::chrono::duration<double> own(static_cast<double>(bytes) / trouble_.bytes_per_second);
            busy_until_ = std::max(busy_until_, now) + std::chrono::duration_cast<base::SteadyTime::duration>(own);
            takes += std::chrono::ceil<std::chrono::milliseconds>(busy_until_ - now);
        }
    }
    if (fails) return base::fail(ErrorCode::kUnavailable, Reason::kStorageFull, "put: no room");
    ++active_puts_;
    if (on_put) on_put(bytes);
    const auto spent = spend(takes, call);
    --active_puts_;
    return spent;
}

Result<void> MemoryStore::put(std::string_view key, std::span<const std::byte> bytes, const Call& call) {
    N4B_TRY_VOID(begin_put(key, bytes.size(), call));
    if (!trouble_.forgets) keep(key, {bytes.begin(), bytes.end()});
    return {};
}

void MemoryStore::keep(std::string_view key, std::vector<std::byte> bytes) {
    const std::lock_guard lock(mutex_);
    const auto [at, inserted] = objects_.insert_or_assign(std::string(key), std::move(bytes));
    if (!inserted) ++overwritten_;
    times_[std::string(key)] = time();
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
    return info_of(*found);
}

Result<void> MemoryStore::list(std::string_view prefix, std::string_view after,
                               const std::function<bool(std::span<const ObjectInfo>)>& take, const Call& call) {
    N4B_TRY_VOID(object_store::check_call(call, "list"));
    if (on_list) on_list();
    if (lists_fail) return base::fail(ErrorCode::kUnavailable, Reason::kStorageUnavailable, "list: 503");
    constexpr std::size_t kPageKeys = 1000;
    std::string last(after);
    for (bool more = true; more;) {
        std::vector<ObjectInfo> page;
        {
            const std::lock_guard lock(mutex_);
            auto at = last < prefix ? objects_.lower_bound(std::string(prefix)) : objects_.upper_bound(last);
            for (; at != objects_.end() && at->first.starts_with(prefix) && page.size() < kPageKeys; ++at) {
                page.push_back(info_of(*at));
            }
            listed_ += static_cast<std::int64_t>(page.size());
        }
        if (page.empty()) return {};
        last = page.back().key;
        more = take(page) && page.size() == kPageKeys;
    }
    return {};
}

Result<void> MemoryStore::make_durable(std::string_view key, const Call& call) {
    return stat(key, call).map([](const ObjectInfo&) {});
}

Result<object_store::Removal> MemoryStore::remove(std::string_view key, const Call& call) {
    N4B_TRY_VOID(object_store::check_call(call, "remove"));
    const std::lock_guard lock(mutex_);
    ++removals_;
    if (trouble_.refuses_removal) {
        return base::fail(ErrorCode::kPermissionDenied, Reason::kStorageAccessDenied, "remove: AccessDenied");
    }
    if (trouble_.locks) return object_store::Removal::kHeld;
    objects_.erase(std::string(key));
    times_.erase(std::string(key));
    return trouble_.keeps_versions ? object_store::Removal::kHidden : object_store::Removal::kRemoved;
}

Result<std::int64_t> MemoryStore::remove_unfinished(std::string_view /*directory*/, const Call& /*call*/) {
    return 0;
}

Result<void> MemoryStore::remove_empty(std::string_view /*directory*/, std::string_view /*kept*/,
                                       const Call& /*call*/) {
    return {};
}

Result<base::SystemTime> MemoryStore::now(const Call& /*call*/) {
    if (on_now) on_now();
    const std::lock_guard lock(mutex_);
    return time();
}

Result<std::optional<object_store::Space>> MemoryStore::space(const Call& /*call*/) {
    return trouble_.space;
}

void MemoryStore::let_pass(std::chrono::seconds span) {
    const std::lock_guard lock(mutex_);
    passed_ += span;
}

base::SystemTime MemoryStore::time() const {
    return base::RealClock().system_now() + passed_;
}

ObjectInfo MemoryStore::info_of(const std::pair<const std::string, std::vector<std::byte>>& object) const {
    return {.key = object.first,
            .bytes = static_cast<std::int64_t>(object.second.size()),
            .modified = times_.at(object.first)};
}

std::int64_t MemoryStore::removals() const {
    const std::lock_guard lock(mutex_);
    return removals_;
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
