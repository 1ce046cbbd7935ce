#pragma once

#include <memory>

#include "operator/kinds/environment.hpp"
#include "operator/kinds/kind_loop.hpp"
#include "operator/kinds/storage/storage.hpp"

namespace n4b::storage {

/// The kind Neo4jBackupStorage.
std::unique_ptr<kinds::KindLoop<Storage>> make_storage_loop(const kinds::Environment& environment);

}  // namespace n4b::storage
