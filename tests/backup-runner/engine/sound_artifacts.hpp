#pragma once

#include <gtest/gtest.h>

#include "backup-runner/engine/artifact_reader.hpp"
#include "backup-runner/engine/catalogue.hpp"
#include "backup-runner/engine/restore.hpp"

namespace n4b::engine {

/// How many artifacts of prod/graph.db have a head; each must be sound.
inline std::size_t count_sound_artifacts(storage::Storage& storage) {
    std::size_t count = 0;
    const Scope scope{.source = "prod", .database = "graph.db"};
    const auto walked = walk_heads(storage, scope, Order::kOldestFirst, [&](const FoundHead& head) {
        const auto verified =
            head.artifact.and_then([&](const Artifact& artifact) { return verify(storage, artifact); });
        EXPECT_TRUE(verified) << verified.error().message;
        ++count;
        return true;
    });
    EXPECT_TRUE(walked) << walked.error().message;
    return count;
}

}  // namespace n4b::engine
