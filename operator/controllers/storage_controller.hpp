#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "common/base/clock.hpp"
#include "operator/controllers/world.hpp"
#include "operator/kube/client.hpp"

namespace n4b::controllers {

/// Keeps the condition Ready of storages: whether the claim is there and can be used. Thread-safe for different keys.
class StorageController {
public:
    StorageController(World& world, kube::Client& client, const base::Clock& clock)
        : world_(world), client_(client), clock_(clock) {}
    base::Result<std::optional<std::chrono::milliseconds>> reconcile(const std::string& key);

private:
    World& world_;
    kube::Client& client_;
    const base::Clock& clock_;
};

}  // namespace n4b::controllers
