#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>

#include "backup-runner/engine/backup.hpp"
#include "tests/backup-runner/engine/sound_artifacts.hpp"
#include "tests/support/fake_catchup_server.hpp"

namespace n4b::engine {

/// A temporary directory with a repository in it, and a server to copy from.
class BackupTest : public ::testing::Test {
protected:
    BackupTest() {
        char pattern[] = "/tmp/n4b-backup-test-XXXXXX";
        root_ = ::mkdtemp(pattern);
        storage_ = std::move(*storage::create_volume(repository()));
        spec_.run = {.uid = "run-1", .attempt = 1};
        spec_.source = "prod";
        spec_.database = "graph.db";
        spec_.endpoints = {{.host = "10.0.0.1", .port = 6362}};
        spec_.storage_path = repository();
    }
    ~BackupTest() override { std::filesystem::remove_all(root_); }

    [[nodiscard]] std::string repository() const { return root_ + "/repository"; }

    contract::RunReport back_up(storage::Storage& storage, std::stop_token stop = {}) {
        ProgressCounters progress;
        const base::RealClock clock;
        std::uint32_t random = 0x1000 * ++runs_;
        const BackupEnvironment environment{.dialer = server_,
                                            .storage = storage,
                                            .clock = clock,
                                            .random = [random]() mutable { return ++random; },
                                            .progress = progress,
                                            .buffers = {.receive = 4096, .write = 4096},
                                            .version = "test",
                                            .started = std::chrono::steady_clock::now() - runs_before_};
        return engine::back_up(spec_, environment, std::move(stop));
    }
    contract::RunReport back_up() { return back_up(*storage_); }

    std::size_t sound_artifacts() { return count_sound_artifacts(*storage_); }

    std::string root_;
    std::unique_ptr<storage::Storage> storage_;
    testing::FakeCatchupServer server_;
    contract::RunSpec spec_;
    std::uint32_t runs_ = 0;
    std::chrono::milliseconds runs_before_{0};  ///< How long the process has run when a backup begins.
};

}  // namespace n4b::engine
