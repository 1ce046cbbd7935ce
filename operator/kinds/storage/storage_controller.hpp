#pragma once

#include <optional>
#include <stop_token>
#include <string>

#include "operator/kinds/catalogue.hpp"
#include "operator/kinds/environment.hpp"
#include "operator/kinds/storage/storage.hpp"
#include "operator/kube/store.hpp"

namespace n4b::storage {

/// Keeps what is known of a storage: starts a Job that looks at it when nobody has for a while, and watches its claim
/// in between. Thread-safe for different keys.
class StorageController {
public:
    StorageController(const kube::Store<Storage>& storages, const kinds::Environment& environment)
        : storages_(storages), environment_(environment) {}

    base::Result<jobs::Requeue> reconcile(const std::string& key, const std::stop_token& stop);

private:
    base::Result<jobs::Requeue> drive(const Storage& storage);
    /// The chains that the report of a look tells of, where they have been fetched.
    std::optional<kinds::ListedChains> listed_chains(const Storage& storage, const run::RunStep& step);
    base::Result<jobs::Requeue> probe(const Storage& storage, const StorageStatus& begun);

    const kube::Store<Storage>& storages_;
    const kinds::Environment environment_;
};

}  // namespace n4b::storage
