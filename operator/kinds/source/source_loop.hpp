#pragma once

#include <memory>

#include "operator/kinds/environment.hpp"
#include "operator/kinds/kind_loop.hpp"
#include "operator/kinds/source/source.hpp"

namespace n4b::source {

/// The kind Neo4jBackupSource.
std::unique_ptr<kinds::KindLoop<Source>> make_source_loop(const kinds::Environment& environment);

}  // namespace n4b::source
