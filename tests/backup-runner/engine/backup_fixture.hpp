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
        make_repository();
        spec_.run = {.uid = "run-1", .attempt = 1};
        spec_.source = "prod";
        spec_.database = "graph.db";
        spec_.endpoints = {{.host = "10.0.0.1", .port = 6362}};
        spec_.storage_path = repository();
        spec_.initialize = true;
    }
    ~BackupTest() override { std::filesystem::remove_all(root_); }

    /// An empty one, in place of what was there.
    void make_repository() {
        std::filesystem::remove_all(repository());
        files_ = std::move(*storage::create_volume(repository()));
        store_ = object_store::volume_store(repository(), files_);
    }
    [[nodiscard]] std::string repository() const { return root_ + "/repository"; }
    static std::string directory_of_chain(const std::string& chain) { return "prod/graph.db/chains/" + chain; }

    contract::RunReport back_up(object_store::ObjectStore& store, std::stop_token stop = {}) {
        ProgressCounters progress;
        const base::RealClock clock;
        std::uint32_t random = 0x1000 * ++runs_;
        const BackupEnvironment environment{.dialer = server_,
                                            .store = store,
                                            .clock = clock,
                                            .random = [random]() mutable { return ++random; },
                                            .progress = progress,
                                            .buffers = buffers_,
                                            .version = "test",
                                            .started = std::chrono::steady_clock::now() - runs_before_};
        return engine::back_up(spec_, environment, std::move(stop));
    }
    contract::RunReport back_up() { return back_up(*store_); }
    contract::RunReport look_up() { return look_up_run(spec_, *store_, {}); }

    std::size_t sound_artifacts() { return count_sound_artifacts(*store_); }

    std::string root_;
    std::shared_ptr<storage::Storage> files_;
    std::unique_ptr<object_store::ObjectStore> store_;
    testing::FakeCatchupServer server_;
    contract::RunSpec spec_;
    BufferSizes buffers_ = kSmallBuffers;
    const format::Layout layout_ = format::Layout::create("prod", "graph.db").value();
    std::uint32_t runs_ = 0;
    std::chrono::milliseconds runs_before_{0};  ///< How long the process has run when a backup begins.
};

}  // namespace n4b::engine
