#pragma once

#include <gtest/gtest.h>

#include "backup-runner/engine/backup.hpp"
#include "backup-runner/engine/catalogue.hpp"
#include "backup-runner/engine/verify.hpp"

namespace n4b::engine {

/// Small enough for a test's store to have several blocks. A head takes no smaller ones.
inline constexpr BufferSizes kSmallBuffers{.receive = 4096, .block = 1024 * 1024, .blocks = 16};

/// A store in a directory that is made where it is missing.
inline std::unique_ptr<object_store::ObjectStore> store_in(const std::string& directory) {
    return object_store::volume_store(directory, storage::create_volume(directory).value());
}

/// How many artifacts of prod/graph.db have a head; each must be sound.
inline std::size_t count_sound_artifacts(object_store::ObjectStore& store) {
    std::size_t count = 0;
    const Scope scope{.source = "prod", .database = "graph.db"};
    const auto walked = walk_heads(store, scope,
                                   [&](const FoundHead& head) {
                                       const auto verified = head.artifact.and_then(
                                           [&](const Artifact& artifact) { return verify(store, artifact, {}); });
                                       EXPECT_TRUE(verified) << verified.error().message;
                                       ++count;
                                       return true;
                                   },
                                   {});
    EXPECT_TRUE(walked) << walked.error().message;
    return count;
}

}  // namespace n4b::engine
