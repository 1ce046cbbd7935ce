#include "backup-runner/engine/restore.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "backup-runner/archive/digest.hpp"
#include "backup-runner/archive/index.hpp"
#include "backup-runner/archive/zstd_stream.hpp"
#include "backup-runner/engine/artifact_reader.hpp"
#include "backup-runner/engine/backup.hpp"
#include "tests/support/fake_catchup_server.hpp"
#include "tests/support/faulty_storage.hpp"

namespace n4b::engine {
namespace {

using base::Reason;
using testing::FakeCatchupServer;
using testing::Fault;
using testing::FaultyStorage;

/// Ways in which a head can't be read.
enum class Harm { kCut, kLaterFormat, kStorageFails, kNotListed };

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

    contract::RunReport run(const std::string& uid) {
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
        return engine::back_up(spec, environment, {});
    }
    Artifact back_up(const std::string& uid) {
        const auto report = run(uid);
        EXPECT_EQ(report.reason, Reason::kCompleted) << report.message;
        return choose_artifact(*storage_, "prod", "graph.db", report.artifact->chain).value();
    }

    void harm(const Artifact& artifact, Harm harm) const {
        const std::filesystem::path head = repository() + "/" + artifact.keys.head;
        switch (harm) {
            case Harm::kCut:
                std::filesystem::resize_file(head, 100);
                return;
            case Harm::kLaterFormat:
                std::ofstream(head) << R"({"format": 1, "requires": []})";
                return;
            case Harm::kStorageFails:
                // No link is followed: opening it fails as a disk would.
                std::filesystem::remove(head);
                std::filesystem::create_symlink("elsewhere", head);
                return;
            case Harm::kNotListed:
                std::filesystem::remove_all(head.parent_path());
                std::filesystem::create_symlink("heads", head.parent_path());  // To itself.
                return;
        }
    }

    /// What choose_artifact takes, and the heads that it passed over.
    base::Result<Artifact> choose(const std::string& chain = "") {
        passed_over_.clear();
        return choose_artifact(*storage_, "prod", "graph.db", chain, note());
    }
    PassedOverHead note() {
        return [this](const FoundHead& head) { passed_over_.push_back(head.key); };
    }

    std::string root_;
    std::unique_ptr<storage::Storage> storage_;
    FakeCatchupServer server_;
    std::uint32_t random_ = 0;
    std::vector<std::string> passed_over_;
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
        const bool restored =
            restore(*storage_, artifact, {.store = faulty, .log = faulty, .name = target()}).has_value();
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
        auto left = tree(target());
        const bool marked = left.erase(kRestoreMarker) > 0;
        if (left.empty() || left == whole) continue;
        EXPECT_TRUE(marked) << "no marker, but not whole either: the power failed after operation " << at;
        EXPECT_TRUE(std::filesystem::is_directory(target() + "/neostore"))
            << "a server would start on it: the power failed after operation " << at;
    }
}

TEST_F(RestoreTest, IsMarkedUntilALogElsewhereIsDurable) {
    const auto artifact = back_up("run-1");
    const auto logs = root_ + "/logs";
    const auto attempt = [&](Fault fault, std::int64_t at) {
        std::filesystem::remove_all(target());
        std::filesystem::remove_all(logs);
        const auto store = std::move(*storage::create_volume(target()));
        const auto log = std::move(*storage::create_volume(logs));
        FaultyStorage faulty(*log, logs, fault, at);
        const OpenTarget both{.store = *store, .log = faulty, .name = target(), .log_name = logs};
        return restore(*storage_, artifact, both) ? faulty.operations() : -1;
    };
    const auto operations = attempt(Fault::kNone, -1);
    ASSERT_GT(operations, 3);
    const auto whole = tree(logs);
    ASSERT_EQ(whole.size(), 1U);
    EXPECT_TRUE(whole.contains("neostore.transaction.db.0"));
    EXPECT_FALSE(tree(target()).contains("neostore.transaction.db.0"));
    for (std::int64_t at = 0; at < operations; ++at) {
        const pid_t child = ::fork();
        if (child == 0) ::_exit(attempt(Fault::kPowerOffAfter, at) < 0 ? 1 : 0);
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        const bool startable = std::filesystem::is_regular_file(target() + "/neostore");
        EXPECT_TRUE(!startable || tree(logs) == whole) << "the power failed after operation " << at;
    }
}

struct BadHead {
    Harm harm;
    Reason reason;
};
void PrintTo(const BadHead& head, std::ostream* out) {
    *out << to_string(head.reason) << (head.harm == Harm::kNotListed ? " of the directory" : "");
}

class BadHeadTest : public RestoreTest, public ::testing::WithParamInterface<BadHead> {
protected:
    void harm(const Artifact& artifact) const { RestoreTest::harm(artifact, GetParam().harm); }
    [[nodiscard]] static bool storage_fails() { return GetParam().reason == Reason::kStorageUnavailable; }
    /// Under which the harm is told.
    [[nodiscard]] static std::string bad_key(const Artifact& artifact) {
        const auto& head = artifact.keys.head;
        return GetParam().harm == Harm::kNotListed ? head.substr(0, head.rfind('/')) : head;
    }
};
INSTANTIATE_TEST_SUITE_P(Heads, BadHeadTest,
                         ::testing::Values(BadHead{Harm::kCut, Reason::kArtifactDamaged},
                                           BadHead{Harm::kLaterFormat, Reason::kArtifactNotSupported},
                                           BadHead{Harm::kStorageFails, Reason::kStorageUnavailable},
                                           BadHead{Harm::kNotListed, Reason::kStorageUnavailable}));

TEST_P(BadHeadTest, OfAnOldChainDoesNotStopARestore) {
    const auto old = back_up("run-1");
    server_.last_committed = 12;
    const auto newer = back_up("run-2");
    harm(old);
    const auto chosen = choose();
    ASSERT_TRUE(chosen) << chosen.error().message;
    EXPECT_EQ(chosen->keys.head, newer.keys.head);
    EXPECT_EQ(passed_over_, std::vector{bad_key(old)});
}

TEST_P(BadHeadTest, OfTheNewestChainEndsARestoreUnlessAChainIsNamed) {
    const auto old = back_up("run-1");
    server_.last_committed = 12;
    const auto newer = back_up("run-2");
    harm(newer);
    const auto chosen = choose();
    ASSERT_FALSE(chosen) << "older data in place of the newest would be a surprise";
    EXPECT_EQ(chosen.error().reason, GetParam().reason);
    for (const auto& part : {bad_key(newer), old.head.chain}) {
        EXPECT_NE(chosen.error().message.find(part), std::string::npos) << chosen.error().message;
    }
    EXPECT_TRUE(passed_over_.empty()) << "nothing was passed over";
    EXPECT_TRUE(choose(old.head.chain)) << "who wants it may have it";
}

TEST_P(BadHeadTest, OfTheChainThatIsNamedEndsARestore) {
    const auto old = back_up("run-1");
    (void)back_up("run-2");
    harm(old);
    const auto chosen = choose(old.head.chain);
    ASSERT_FALSE(chosen);
    EXPECT_EQ(chosen.error().reason, GetParam().reason) << chosen.error().message;
    EXPECT_NE(chosen.error().message.find(bad_key(old)), std::string::npos) << chosen.error().message;
}

TEST_P(BadHeadTest, IsTheReasonWhereThereIsNoOther) {
    harm(back_up("run-1"));
    EXPECT_EQ(choose().error().reason, GetParam().reason);
}

TEST_P(BadHeadTest, OfTheNewestChainDoesNotStopBackups) {
    (void)back_up("run-1");
    const auto newest = back_up("run-2");
    harm(newest);
    const auto found = newest_artifact(*storage_, "prod", "graph.db", note());
    ASSERT_TRUE(found && *found);
    EXPECT_EQ((*found)->head.run_uid, "run-1");
    EXPECT_EQ(passed_over_, std::vector{bad_key(newest)});
    const auto good = server_.id;
    server_.id.random = 99;
    EXPECT_EQ(run("run-3").reason, Reason::kSourceIdentityChanged) << "the chain before tells which database is meant";
    server_.id = good;
    EXPECT_EQ(run("run-3").reason, Reason::kCompleted);
}

TEST_P(BadHeadTest, OfTheOnlyChainStopsBackupsOnlyWhileTheStorageFails) {
    harm(back_up("run-1"));
    const auto report = run("run-2");
    EXPECT_EQ(report.reason, storage_fails() ? Reason::kStorageUnavailable : Reason::kCompleted) << report.message;
}

TEST_F(RestoreTest, TakesNothingFromAClosedChain) {
    const auto old = back_up("run-1");
    server_.last_committed = 12;
    const auto newer = back_up("run-2");
    std::ofstream(repository() + "/" + newer.keys.closed) << "{}";
    ASSERT_TRUE(choose()) << choose().error().message;
    EXPECT_EQ(choose()->keys.head, old.keys.head) << "what is being deleted is no backup";
    const auto named = choose(newer.head.chain);
    ASSERT_FALSE(named);
    EXPECT_EQ(named.error().reason, Reason::kArtifactConflict);
    EXPECT_NE(named.error().message.find(newer.keys.closed), std::string::npos) << named.error().message;
    const auto newest = newest_artifact(*storage_, "prod", "graph.db", note());
    ASSERT_TRUE(newest && *newest);
    EXPECT_EQ((*newest)->keys.head, old.keys.head);
}

TEST_F(RestoreTest, SaysThatItsChainWasClosedMeanwhile) {
    const auto artifact = back_up("run-1");
    std::ofstream(repository() + "/" + artifact.keys.closed) << "{}";
    std::filesystem::remove_all(repository() + "/" + artifact.keys.data + "/files");
    EXPECT_EQ(restore(*storage_, artifact, {.directory = target()}).error().reason, Reason::kArtifactConflict);
    EXPECT_EQ(verify(*storage_, artifact).error().reason, Reason::kArtifactConflict) << "it is no damage";
}

TEST_F(RestoreTest, DoesNotChooseBetweenTwoHistories) {
    server_.last_committed = 12;
    const auto furthest = back_up("run-1");
    server_.last_committed = 11;  // Set back to an earlier backup, and gone on from there.
    const auto newest = back_up("run-2");
    const auto chosen = choose();
    ASSERT_FALSE(chosen) << "which of them is meant only a person knows";
    EXPECT_EQ(chosen.error().reason, Reason::kInvalidRunSpec);
    for (const auto& part : {furthest.head.chain, newest.head.chain, std::string("up to transaction 12 of "),
                             std::string("up to transaction 11 of "), std::string("name the chain")}) {
        EXPECT_NE(chosen.error().message.find(part), std::string::npos) << chosen.error().message;
    }
    EXPECT_EQ(choose(newest.head.chain)->keys.head, newest.keys.head);
    EXPECT_EQ(choose(furthest.head.chain)->keys.head, furthest.keys.head);
}

TEST_F(RestoreTest, HoldsFilesWhoseNamesOnlyLookDangerous) {
    // Of explicit indexes, which their users name.
    const std::string long_name = "index/lucene/node/" + std::string(251, 'x') + "/segments_1";
    const std::string chinese = "index/lucene/node/一二三四五六七八九十一二三四五六七八九十一二三四五/segments_1";
    for (const auto& name : {std::string("index/lucene/node/v1..v2/segments_1"), long_name, chinese}) {
        server_.atomic_files[name] = catchup::Bytes(3, std::byte{7});
    }
    const auto artifact = back_up("run-1");
    EXPECT_TRUE(verify(*storage_, artifact)) << verify(*storage_, artifact).error().message;
    const auto restored = restore(*storage_, artifact, {.directory = target()});
    ASSERT_TRUE(restored) << restored.error().message;
    EXPECT_TRUE(std::filesystem::exists(target() + "/index/lucene/node/v1..v2/segments_1"));
    EXPECT_TRUE(std::filesystem::exists(target() + "/" + long_name));
    EXPECT_TRUE(std::filesystem::exists(target() + "/" + chinese));
}

TEST_F(RestoreTest, HandsOnNoMoreThanTheIndexPromises) {
    auto artifact = back_up("run-1");
    artifact.head.encoding = "zstd";
    std::filesystem::create_directories(repository() + "/" + artifact.keys.data);
    std::ofstream file(repository() + "/" + artifact.keys.data + "/bomb.zst", std::ios::binary);
    archive::ZstdCompressor compressor;
    const archive::ByteSink into_file = [&](std::span<const std::byte> bytes) -> base::Result<void> {
        file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
        return {};
    };
    const std::vector<std::byte> zeros(1 << 20);
    for (int i = 0; i < 64; ++i) ASSERT_TRUE(compressor.write(zeros, into_file));
    ASSERT_TRUE(compressor.finish(into_file));
    file.close();
    std::size_t received = 0;
    const archive::IndexFile bomb{
        .path = "bomb", .key = "bomb.zst", .stored = {.bytes = 1000, .stored_bytes = 1 << 20}};
    const auto read = read_file(*storage_, artifact, bomb, [&](std::span<const std::byte> bytes) -> base::Result<void> {
        received += bytes.size();
        return {};
    });
    EXPECT_EQ(read.error().reason, Reason::kArtifactDamaged);
    EXPECT_NE(read.error().message.find("longer than 1000 bytes"), std::string::npos) << read.error().message;
    EXPECT_LE(received, 1000U);
}

TEST_F(RestoreTest, TellsABadPathOfTheIndexAsDamageOfTheArtifact) {
    for (const std::string path : {"../escaped", "RESTORE-INCOMPLETE", "neostore/below", "x\ny"}) {
        // As somebody writes it who can change index and head alike.
        auto artifact = back_up("run-1");
        archive::Sha256 plain;
        archive::Sha256 stored;
        std::string compressed;
        const archive::ByteSink sink = [&](std::span<const std::byte> bytes) -> base::Result<void> {
            stored.update(bytes);
            compressed.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
            return {};
        };
        archive::ZstdCompressor compressor;
        archive::Stored& index = artifact.head.index;
        index.bytes = 0;
        for (const archive::IndexLine& line :
             {archive::IndexLine(archive::IndexHeader{}),
              archive::IndexLine(archive::IndexFile{.path = path, .key = "files/neostore"}),
              archive::IndexLine(archive::IndexEnd{.files = 1, .transactions = 0})}) {
            const auto text = archive::to_line(line);
            const auto bytes = std::as_bytes(std::span(text));
            plain.update(bytes);
            index.bytes += static_cast<std::int64_t>(bytes.size());
            ASSERT_TRUE(compressor.write(bytes, sink));
        }
        ASSERT_TRUE(compressor.finish(sink));
        index.stored_bytes = static_cast<std::int64_t>(compressed.size());
        index.digest = plain.finish();
        index.stored_digest = stored.finish();
        std::ofstream(repository() + "/" + artifact.keys.data + "/index.json.zst", std::ios::binary) << compressed;
        std::filesystem::remove_all(target());
        const auto restored = restore(*storage_, artifact, {.directory = target()});
        ASSERT_FALSE(restored);
        EXPECT_EQ(restored.error().reason, Reason::kArtifactDamaged) << path << ": " << restored.error().message;
        EXPECT_EQ(restored.error().message.find('\n'), std::string::npos);
    }
}

TEST_F(RestoreTest, ALookUpSaysThatAChainCouldNotBeListedAndABackupGoesOn) {
    const auto old = back_up("run-1");
    (void)back_up("run-2");
    harm(old, Harm::kNotListed);
    contract::RunSpec spec;
    spec.source = "prod";
    spec.database = "graph.db";
    spec.run = {.uid = "run-1", .attempt = 2};
    EXPECT_EQ(look_up_run(spec, *storage_).reason, Reason::kStorageUnavailable) << "it may lie in there";
    spec.run = {.uid = "run-2", .attempt = 2};
    EXPECT_EQ(look_up_run(spec, *storage_).reason, Reason::kCompleted);
    EXPECT_EQ(run("run-1").reason, Reason::kCompleted) << "at worst a second copy";
}

}  // namespace
}  // namespace n4b::engine
