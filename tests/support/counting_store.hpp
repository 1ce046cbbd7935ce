#pragma once

#include <algorithm>
#include <atomic>
#include <utility>

#include "backup-runner/object_store/forwarding_store.hpp"

namespace n4b::testing {

/// Counts what a bucket would be asked: one request for each call, one for each 1,000 keys of a list, and two for a
/// look at an object that is not there. The time comes with every answer, and costs nothing. Thread-safe.
class CountingStore final : public object_store::ForwardingStore {
public:
    using ForwardingStore::ForwardingStore;

    base::Result<object_store::Creation> create(std::string_view key, std::span<const std::byte> bytes,
                                                const object_store::Call& call) override {
        ++requests_;
        return inner_.create(key, bytes, call);
    }
    base::Result<void> put(std::string_view key, std::span<const std::byte> bytes,
                           const object_store::Call& call) override {
        ++requests_;
        return inner_.put(key, bytes, call);
    }
    std::unique_ptr<object_store::ObjectBatch> begin_batch() override {
        return std::make_unique<Batch>(inner_.begin_batch(), blocks_);
    }
    base::Result<std::size_t> get(std::string_view key, std::int64_t offset, std::span<std::byte> into,
                                  const object_store::Call& call) override {
        ++(key.find("/blocks/") == std::string_view::npos ? requests_ : blocks_);
        return inner_.get(key, offset, into, call);
    }
    base::Result<object_store::ObjectInfo> stat(std::string_view key, const object_store::Call& call) override {
        auto info = inner_.stat(key, call);
        requests_ += info ? 1 : 2;
        return info;
    }
    base::Result<void> list(std::string_view prefix, std::string_view after,
                            const std::function<bool(std::span<const object_store::ObjectInfo>)>& take,
                            const object_store::Call& call) override {
        std::int64_t keys = 0;
        auto listed = inner_.list(
            prefix, after,
            [&](std::span<const object_store::ObjectInfo> page) {
                keys += static_cast<std::int64_t>(page.size());
                return take(page);
            },
            call);
        const auto pages = std::max<std::int64_t>((keys + kPageKeys - 1) / kPageKeys, 1);
        requests_ += pages;
        pages_ += pages;
        keys_ += keys;
        return listed;
    }
    base::Result<void> make_durable(std::string_view key, const object_store::Call& call) override {
        ++requests_;
        return inner_.make_durable(key, call);
    }
    base::Result<object_store::Removal> remove(std::string_view key, const object_store::Call& call) override {
        ++requests_;
        return inner_.remove(key, call);
    }

    /// All but those for blocks themselves.
    [[nodiscard]] std::int64_t requests() const { return requests_; }
    /// To store or to get a block.
    [[nodiscard]] std::int64_t blocks() const { return blocks_; }
    [[nodiscard]] std::int64_t pages() const { return pages_; }
    /// On all pages.
    [[nodiscard]] std::int64_t keys() const { return keys_; }

private:
    static constexpr std::int64_t kPageKeys = 1000;

    class Batch final : public object_store::ObjectBatch {
    public:
        Batch(std::unique_ptr<object_store::ObjectBatch> inner, std::atomic<std::int64_t>& blocks)
            : inner_(std::move(inner)), blocks_(blocks) {}
        base::Result<void> put(std::string_view key, const object_store::HashedBytes& object,
                               const object_store::Call& call) override {
            ++blocks_;
            return inner_->put(key, object, call);
        }
        base::Result<void> settle(const object_store::Call& call) override { return inner_->settle(call); }

    private:
        const std::unique_ptr<object_store::ObjectBatch> inner_;
        std::atomic<std::int64_t>& blocks_;
    };

    std::atomic<std::int64_t> requests_ = 0;
    std::atomic<std::int64_t> blocks_ = 0;
    std::atomic<std::int64_t> pages_ = 0;
    std::atomic<std::int64_t> keys_ = 0;
};

}  // namespace n4b::testing
