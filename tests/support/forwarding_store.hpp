#pragma once

#include "backup-runner/object_store/object_store.hpp"

namespace n4b::testing {

/// Does what another store does, for those that differ in one thing. Thread-safe as the store itself.
class ForwardingStore : public object_store::ObjectStore {
public:
    explicit ForwardingStore(object_store::ObjectStore& inner) : inner_(inner) {}

    base::Result<object_store::Creation> create(std::string_view key, std::span<const std::byte> bytes,
                                                const object_store::Call& call) override {
        return inner_.create(key, bytes, call);
    }
    base::Result<void> put(std::string_view key, std::span<const std::byte> bytes,
                           const object_store::Call& call) override {
        return inner_.put(key, bytes, call);
    }
    std::unique_ptr<object_store::ObjectBatch> begin_batch() override { return inner_.begin_batch(); }
    base::Result<std::size_t> get(std::string_view key, std::int64_t offset, std::span<std::byte> into,
                                  const object_store::Call& call) override {
        return inner_.get(key, offset, into, call);
    }
    base::Result<object_store::ObjectInfo> stat(std::string_view key, const object_store::Call& call) override {
        return inner_.stat(key, call);
    }
    base::Result<void> list(std::string_view prefix, std::string_view after,
                            const std::function<bool(std::span<const object_store::ObjectInfo>)>& take,
                            const object_store::Call& call) override {
        return inner_.list(prefix, after, take, call);
    }
    base::Result<void> make_durable(std::string_view key, const object_store::Call& call) override {
        return inner_.make_durable(key, call);
    }
    base::Result<object_store::Removal> remove(std::string_view key, const object_store::Call& call) override {
        return inner_.remove(key, call);
    }
    base::Result<std::int64_t> remove_unfinished(std::string_view directory, const object_store::Call& call) override {
        return inner_.remove_unfinished(directory, call);
    }
    base::Result<void> remove_empty(std::string_view directory, std::string_view kept,
                                    const object_store::Call& call) override {
        return inner_.remove_empty(directory, kept, call);
    }
    base::Result<base::SystemTime> now(const object_store::Call& call) override { return inner_.now(call); }
    base::Result<std::optional<object_store::Space>> space(const object_store::Call& call) override {
        return inner_.space(call);
    }

protected:
    object_store::ObjectStore& inner_;
};

}  // namespace n4b::testing
