#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "backup-runner/engine/backup.hpp"
#include "backup-runner/engine/restore_choice.hpp"
#include "tests/backup-runner/engine/sound_artifacts.hpp"
#include "tests/support/fake_catchup_server.hpp"

namespace n4b::engine {

/// Ways in which a head can't be read.
enum class Harm { kCut, kLaterFormat, kStorageFails };

/// A temporary directory with a repository in it, and a server to fill it from.
class RestoreTest : public ::testing::Test {
protected:
    RestoreTest() {
        char pattern[] = "/tmp/n4b-restore-test-XXXXXX";
        root_ = ::mkdtemp(pattern);
        store_ = store_in(repository());
    }
    ~RestoreTest() override { std::filesystem::remove_all(root_); }

    [[nodiscard]] std::string repository() const { return root_ + "/repository"; }
    [[nodiscard]] std::string target() const { return root_ + "/target"; }

    contract::RunReport run(const std::string& uid, contract::BackupType type = contract::BackupType::kFull) {
        contract::RunSpec spec;
        spec.run = {.uid = uid, .attempt = 1};
        spec.source = "prod";
        spec.database = "graph.db";
        spec.endpoints = {{.host = "10.0.0.1", .port = 6362}};
        spec.storage_path = repository();
        spec.initialize = true;
        spec.compression = contract::Compression::kNone;
        spec.type = type;
        ProgressCounters progress;
        const base::RealClock clock;
        const BackupEnvironment environment{.dialer = server_,
                                            .store = *store_,
                                            .clock = clock,
                                            .random = [this] { return ++random_; },
                                            .progress = progress,
                                            .buffers = kSmallBuffers,
                                            .version = "test"};
        return engine::back_up(spec, environment, {});
    }
    Artifact back_up(const std::string& uid, contract::BackupType type = contract::BackupType::kFull) {
        const auto report = run(uid, type);
        EXPECT_EQ(report.reason, base::Reason::kCompleted) << report.message;
        return choose_artifact(*store_, layout_, report.artifact->chain, {}).value();
    }

    /// What stays in the target that an attempt of run "restore-1" has restored.
    static std::string record_of_run() {
        return contract::to_json(
            contract::RunReport{.reason = base::Reason::kCompleted,
                                .message = "m",
                                .run_uid = "restore-1",
                                .attempt = 1,
                                .restored = contract::RestoredReport{.chain = "c", .artifact = "a", .transaction = 7}});
    }

    void harm(const Artifact& artifact, Harm harm) const {
        const std::filesystem::path head = repository() + "/" + artifact.key;
        switch (harm) {
            case Harm::kCut:
                std::filesystem::resize_file(head, 100);
                return;
            case Harm::kLaterFormat:
                std::ofstream(head) << R"({"format": 2, "requires": []})";
                return;
            case Harm::kStorageFails:
                // No link is followed: opening it fails as a disk would.
                std::filesystem::remove(head);
                std::filesystem::create_symlink("elsewhere", head);
                return;
        }
    }

    /// What choose_artifact takes, and the heads that it passed over.
    base::Result<Artifact> choose(const std::string& chain = "") {
        passed_over_.clear();
        return choose_artifact(*store_, layout_, chain, {}, note());
    }
    PassedOverHead note() {
        return [this](const FoundHead& head) { passed_over_.push_back(head.key); };
    }

    std::string root_;
    std::unique_ptr<object_store::ObjectStore> store_;
    const format::Layout layout_ = format::Layout::create("prod", "graph.db").value();
    testing::FakeCatchupServer server_;
    std::uint32_t random_ = 0;
    std::vector<std::string> passed_over_;
};

/// Every file below a directory, by path, with its contents; empty when there is no directory.
inline std::map<std::string, std::string> tree(const std::string& directory) {
    std::map<std::string, std::string> files;
    if (!std::filesystem::exists(directory)) return files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
        if (!entry.is_regular_file()) continue;
        std::ifstream file(entry.path(), std::ios::binary);
        files[std::filesystem::relative(entry.path(), directory)] = {std::istreambuf_iterator<char>(file), {}};
    }
    return files;
}

}  // namespace n4b::engine
