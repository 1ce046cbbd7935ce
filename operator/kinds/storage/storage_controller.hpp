#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "common/base/clock.hpp"
#include "operator/kinds/storage/storage.hpp"
#include "operator/kube/client.hpp"
#include "operator/kube/store.hpp"

namespace n4b::storage {

/// Keeps the condition Ready of storages: whether the claim is there and can be used. Thread-safe for different keys.
class StorageController {
public:
    StorageController(const kube::Store<Storage>& storages, kube::Client& client, const base::Clock& clock)
        : storages_(storages), client_(client), clock_(clock) {}
    base::Result<std::optional<std::chrono::milliseconds>> reconcile(const std::string& key);

private:
    const kube::Store<Storage>& storages_;
    kube::Client& client_;
    const base::Clock& clock_;  ///< The API server's.
};

}  // namespace n4b::storage
