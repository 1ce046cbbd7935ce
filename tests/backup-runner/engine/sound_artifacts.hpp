#pragma once

#include <gtest/gtest.h>

#include "backup-runner/engine/catalogue.hpp"
#include "backup-runner/engine/restore.hpp"

namespace n4b::engine {

/// How many artifacts of prod/graph.db have a head; each must be sound.
inline std::size_t count_sound_artifacts(storage::Storage& storage) {
    std::size_t count = 0;
    const auto chains = list_chains(storage, "prod", "graph.db");
    EXPECT_TRUE(chains) << chains.error().message;
    if (!chains) return 0;
    for (const auto& chain : *chains) {
        for (const auto& head : read_chain(storage, "prod", "graph.db", chain)) {
            const auto verified =
                head.artifact.and_then([&](const Artifact& artifact) { return verify(storage, artifact); });
            EXPECT_TRUE(verified) << verified.error().message;
            ++count;
        }
    }
    return count;
}

}  // namespace n4b::engine
