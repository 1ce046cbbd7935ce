#pragma once

#include "backup-runner/object_store/object_store.hpp"

namespace n4b::object_store {

/// Does what another store does, for those that differ in one thing. Thread-safe as the store itself.
class ForwardingStore : public ObjectStore {
public:
    explicit ForwardingStore(ObjectStore& inner) : inner_(inner) {}

    base::Result<Creation> create(std::string_view key, std::span<const std::byte> bytes, const Call& call) override {
        return inner_.create(key, bytes, call);
    }
    base::Result<void> put(std::string_view key, std::span<const std::byte> bytes, const Call& call) override {
        return inner_.put(key, bytes, call);
    }
    std::unique_ptr<ObjectBatch> begin_batch() override { return inner_.begin_batch(); }
    base::Result<std::size_t> get(std::string_view key, std::int64_t offset, std::span<std::byte> into,
                                  const Call& call) override {
        return inner_.get(key, offset, into, call);
    }
    base::Result<ObjectInfo> stat(std::string_view key, const Call& call) override { return inner_.stat(key, call); }
    base::Result<void> list(std::string_view prefix, std::string_view after,
                            const std::function<bool(std::span<const ObjectInfo>)>& take, const Call& call) override {
        return inner_.list(prefix, after, take, call);
    }
    base::Result<void> make_durable(std::string_view key, const Call& call) override {
        return inner_.make_durable(key, call);
    }
    base::Result<Removal> remove(std::string_view key, const Call& call) override { return inner_.remove(key, call); }
    base::Result<std::int64_t> remove_unfinished(std::string_view directory, const Call& call) override {
        return inner_.remove_unfinished(directory, call);
    }
    base::Result<void> remove_empty(std::string_view directory, std::string_view kept, const Call& call) override {
        return inner_.remove_empty(directory, kept, call);
    }
    base::Result<base::SystemTime> now(const Call& call) override { return inner_.now(call); }
    base::Result<std::optional<Space>> space(const Call& call) override { return inner_.space(call); }

protected:
    ObjectStore& inner_;
};

}  // namespace n4b::object_store
