#pragma once

#include <chrono>

#include "backup-runner/object_store/forwarding_store.hpp"

namespace n4b::testing {

/// A store whose clock has gone on since all of its objects were written.
class LaterStore final : public object_store::ForwardingStore {
public:
    LaterStore(object_store::ObjectStore& inner, std::chrono::seconds later) : ForwardingStore(inner), later_(later) {}

    base::Result<base::SystemTime> now(const object_store::Call& call) override {
        return inner_.now(call).map([&](base::SystemTime now) { return now + later_; });
    }

private:
    const std::chrono::seconds later_;
};

}  // namespace n4b::testing
