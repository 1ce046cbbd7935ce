#pragma once

#include <string>

#include "backup-runner/format/head.hpp"

namespace n4b::testing {

/// A full of format 1 with every field a full can have.
inline format::Head example_head() {
    const auto at = [](std::int64_t ms) { return base::SystemTime(std::chrono::milliseconds(ms)); };
    const std::string digest(64, 'a');
    const format::Transaction highest{.id = 9, .time = at(1'795'693'361'123), .checksum = -1};
    return {.repository = "9f0c2d4e",
            .source = "prod",
            .database = "graph.db",
            .name = {.chain = "20261122T215049Z-3f9c21", .run = {.uid = "5a1b-2c", .attempt = 2}},
            .supersedes = {"20261121T215049Z-3f9c20-000000-full-0000000000000000005-x-1.json"},
            .origin = {.cluster = "c", .name_space = "db", .name = "nightly-1", .schedule = "nightly"},
            .server = {.address = "10.0.0.1:6362", .member = "replica-0", .role = "ReadReplica"},
            .store_id = std::string(64, '0'),
            .store_version = "vE.A.9",
            .transactions = format::Transactions{.lowest = {.id = 5, .checksum = INT64_MIN},
                                                 .highest = {.point = highest, .length = 310, .sha256 = digest},
                                                 .earliest_restorable = highest},
            .latest_commit_time = at(1'795'693'361'123),
            .complete_at = at(1'795'693'362'000),
            .current_at = at(1'795'693'362'001),
            .counts = {.files = 3, .tries = 5, .blocks = 2, .transactions = 4, .plain_bytes = 6, .stored_bytes = 7},
            .block_bytes = format::kLeastBlockBytes,
            .encodings = {"zstd"},
            .index = {{.number = 1, .bytes = 77, .sha256 = digest}},
            .log_preamble = "00ff",
            .neostore_patches = {{.offset = 13, .hex = "0000000000000001"}},
            .signature = "none yet",
            .runner_version = "0.1.0",
            .server_version = "3.5.35",
            .start = at(1'795'693'360'000),
            .end = at(1'795'693'363'000)};
}

}  // namespace n4b::testing
