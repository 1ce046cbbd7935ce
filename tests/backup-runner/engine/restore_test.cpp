#include "backup-runner/engine/restore.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "backup-runner/engine/backup.hpp"
#include "tests/support/fake_catchup_server.hpp"
#include "tests/support/faulty_storage.hpp"

namespace n4b::engine {
namespace {

using base::Reason;
using testing::FakeCatchupServer;
using testing::Fault;
using testing::FaultyStorage;

/// A temporary directory with a repository in it, and a server to fill it from.
class RestoreTest : public ::testing::Test {
protected:
    RestoreTest() {
        char pattern[] = "/tmp/n4b-restore-test-XXXXXX";
        root_ = ::mkdtemp(pattern);
        storage_ = std::move(*storage::create_volume(repository()));
    }
    ~RestoreTest() override { std::filesystem::remove_all(root_); }

    [[nodiscard]] std::string repository() const { return root_ + "/repository"; }
    [[nodiscard]] std::string target() const { return root_ + "/target"; }

    Artifact back_up(const std::string& uid) {
        contract::RunSpec spec;
        spec.run = {.uid = uid, .attempt = 1};
        spec.source = "prod";
        spec.database = "graph.db";
        spec.endpoints = {{.host = "10.0.0.1", .port = 6362}};
        spec.storage_path = repository();
        spec.compression = contract::Compression::kNone;
        ProgressCounters progress;
        const base::RealClock clock;
        const BackupEnvironment environment{.dialer = server_,
                                            .storage = *storage_,
                                            .clock = clock,
                                            .random = [this] { return ++random_; },
                                            .progress = progress,
                                            .buffers = {.receive = 4096, .write = 4096},
                                            .version = "test"};
        const auto report = engine::back_up(spec, environment, {});
        EXPECT_EQ(report.reason, Reason::kCompleted) << report.message;
        return choose_artifact(*storage_, "prod", "graph.db", report.artifact->chain).value();
    }

    std::string root_;
    std::unique_ptr<storage::Storage> storage_;
    FakeCatchupServer server_;
    std::uint32_t random_ = 0;
};

/// Every file below a directory, by path, with its contents; empty when there is no directory.
std::map<std::string, std::string> tree(const std::string& directory) {
    std::map<std::string, std::string> files;
    if (!std::filesystem::exists(directory)) return files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
        if (!entry.is_regular_file()) continue;
        std::ifstream file(entry.path(), std::ios::binary);
        files[std::filesystem::relative(entry.path(), directory)] = {std::istreambuf_iterator<char>(file), {}};
    }
    return files;
}

TEST_F(RestoreTest, IsWholeOrMarkedWhereverThePowerFails) {
    const auto artifact = back_up("run-1");
    const auto attempt = [&](Fault fault, std::int64_t at) {
        std::filesystem::remove_all(target());
        const auto volume = std::move(*storage::create_volume(target()));
        FaultyStorage faulty(*volume, target(), fault, at);
        const bool restored = restore(*storage_, artifact, faulty, target()).has_value();
        return restored ? faulty.operations() : -1;
    };
    const auto operations = attempt(Fault::kNone, -1);
    ASSERT_GT(operations, 20);
    const auto whole = tree(target());
    for (std::int64_t at = 0; at < operations; ++at) {
        const pid_t child = ::fork();
        if (child == 0) ::_exit(attempt(Fault::kPowerOffAfter, at) < 0 ? 1 : 0);
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        ASSERT_EQ(WEXITSTATUS(status), testing::kFaultExit);
        const auto left = tree(target());
        if (left.empty() || left.contains(kRestoreMarker)) continue;
        EXPECT_TRUE(left == whole) << "no marker, but not whole either: the power failed after operation " << at;
    }
}

}  // namespace
}  // namespace n4b::engine
