#include "backup-runner/engine/restore.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "backup-runner/blocks/artifact_writer.hpp"
#include "backup-runner/engine/restore_choice.hpp"
#include "backup-runner/engine/restored_content.hpp"
#include "tests/backup-runner/engine/restore_fixture.hpp"
#include "tests/backup-runner/engine/sound_artifacts.hpp"
#include "tests/support/faulty_storage.hpp"

namespace n4b::engine {
namespace {

using base::Reason;
using testing::Fault;
using testing::FaultyStorage;

TEST_F(RestoreTest, IsWholeOrMarkedWhereverThePowerFails) {
    const auto artifact = back_up("run-1");
    const auto attempt = [&](Fault fault, std::int64_t at) {
        std::filesystem::remove_all(target());
        const auto volume = std::move(*storage::create_volume(target()));
        FaultyStorage faulty(*volume, target(), fault, at);
        const bool restored =
            restore(*store_, whole({artifact}), {.store = faulty, .log = faulty, .name = target()}, {}).has_value();
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

TEST_F(RestoreTest, IsRefusedBeforeAnythingIsWrittenWhereThereIsTooLittleRoom) {
    auto artifact = back_up("run-1");
    artifact.head.counts.plain_bytes = std::int64_t{1} << 60;
    const auto view = look_at_target({.directory = target()}, artifact.head.counts.plain_bytes);
    ASSERT_TRUE(view.available && view.obstacle);
    const auto refused = restore(*store_, whole({artifact}), {.directory = target()}, {});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().reason, Reason::kTargetFull);
    EXPECT_NE(refused.error().message.find(" free bytes, expected the 1152921504606846976 of the backup"),
              std::string::npos)
        << refused.error().message;
    EXPECT_FALSE(std::filesystem::exists(target()));
    const auto ignored = restore(*store_, whole({artifact}), {.directory = target(), .ignore_room = true}, {});
    ASSERT_FALSE(ignored);
    EXPECT_EQ(ignored.error().reason, Reason::kArtifactDamaged) << "it was begun";
}

TEST_F(RestoreTest, CountsWhatItRestoresAndChecks) {
    const auto artifact = back_up("run-1");
    ProgressCounters progress;
    ASSERT_TRUE(verify(*store_, artifact, {}, &progress));
    EXPECT_EQ(progress.bytes, artifact.head.counts.plain_bytes);
    EXPECT_EQ(progress.files, artifact.head.counts.files + 1) << "the log counts";
    progress.bytes = 0;
    ASSERT_TRUE(restore(*store_, whole({artifact}), {.directory = target()}, {}, &progress));
    EXPECT_EQ(progress.bytes, artifact.head.counts.plain_bytes);
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
        return restore(*store_, whole({artifact}), both, {}) ? faulty.operations() : -1;
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
    *out << to_string(head.reason);
}

class BadHeadTest : public RestoreTest, public ::testing::WithParamInterface<BadHead> {
protected:
    void harm(const Artifact& artifact) const { RestoreTest::harm(artifact, GetParam().harm); }
    [[nodiscard]] static bool storage_fails() { return GetParam().reason == Reason::kStorageUnavailable; }
    /// Under which the harm is told.
    [[nodiscard]] static std::string bad_key(const Artifact& artifact) { return artifact.key; }
};
INSTANTIATE_TEST_SUITE_P(Heads, BadHeadTest,
                         ::testing::Values(BadHead{Harm::kCut, Reason::kArtifactDamaged},
                                           BadHead{Harm::kLaterFormat, Reason::kArtifactNotSupported},
                                           BadHead{Harm::kStorageFails, Reason::kStorageUnavailable}));

TEST_P(BadHeadTest, OfAnOldChainDoesNotStopARestore) {
    const auto old = back_up("run-1");
    server_.last_committed = 12;
    const auto newer = back_up("run-2");
    harm(old);
    const auto chosen = choose();
    ASSERT_TRUE(chosen) << chosen.error().message;
    EXPECT_EQ(chosen->key, newer.key);
    EXPECT_TRUE(passed_over_.empty()) << "by its name it reaches less far, so it was none to choose";
}

TEST_P(BadHeadTest, ThatReachesFurtherThanTheNewestIsPassedOverAloud) {
    server_.last_committed = 12;
    const auto furthest = back_up("run-1");
    server_.last_committed = 11;
    const auto newest = back_up("run-2");
    harm(furthest);
    const auto chosen = choose();
    ASSERT_TRUE(chosen) << chosen.error().message;
    EXPECT_EQ(chosen->key, newest.key);
    EXPECT_EQ(passed_over_, std::vector{bad_key(furthest)});
}

TEST_P(BadHeadTest, OfTheNewestChainEndsARestoreUnlessAChainIsNamed) {
    const auto old = back_up("run-1");
    server_.last_committed = 12;
    const auto newer = back_up("run-2");
    harm(newer);
    const auto chosen = choose();
    ASSERT_FALSE(chosen) << "older data in place of the newest would be a surprise";
    EXPECT_EQ(chosen.error().reason, GetParam().reason);
    for (const auto& part : {bad_key(newer), old.head.name.chain}) {
        EXPECT_NE(chosen.error().message.find(part), std::string::npos) << chosen.error().message;
    }
    EXPECT_TRUE(passed_over_.empty()) << "nothing was passed over";
    EXPECT_TRUE(choose(old.head.name.chain)) << "who wants it may have it";
}

TEST_P(BadHeadTest, OfTheChainThatIsNamedEndsARestore) {
    const auto old = back_up("run-1");
    (void)back_up("run-2");
    harm(old);
    const auto chosen = choose(old.head.name.chain);
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
    const auto found = find_earlier(*store_, layout_, {}, note());
    ASSERT_TRUE(found && found->newest);
    EXPECT_EQ(found->newest->head.name.run.uid, "run-1");
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
    std::ofstream(repository() + "/" + layout_.closed(newer.head.name.chain)) << "{}";
    ASSERT_TRUE(choose()) << choose().error().message;
    EXPECT_EQ(choose()->key, old.key) << "what is being deleted is no backup";
    const auto named = choose(newer.head.name.chain);
    ASSERT_FALSE(named);
    EXPECT_EQ(named.error().reason, Reason::kArtifactConflict);
    EXPECT_NE(named.error().message.find(layout_.closed(newer.head.name.chain)), std::string::npos)
        << named.error().message;
    const auto found = find_earlier(*store_, layout_, {}, note());
    ASSERT_TRUE(found && found->newest);
    EXPECT_EQ(found->newest->key, old.key);
}

TEST_F(RestoreTest, SaysThatItsChainWasClosedMeanwhile) {
    const auto artifact = back_up("run-1");
    std::ofstream(repository() + "/" + layout_.closed(artifact.head.name.chain)) << "{}";
    std::filesystem::remove_all(repository() + "/" + layout_.blocks(artifact.head.name));
    EXPECT_EQ(restore(*store_, whole({artifact}), {.directory = target()}, {}).error().reason,
              Reason::kArtifactConflict);
    EXPECT_EQ(verify(*store_, artifact, {}).error().reason, Reason::kArtifactConflict) << "it is no damage";
}

TEST_F(RestoreTest, DoesNotChooseBetweenTwoHistories) {
    server_.last_committed = 12;
    const auto furthest = back_up("run-1");
    server_.last_committed = 11;  // Set back to an earlier backup, and gone on from there.
    const auto newest = back_up("run-2");
    const auto chosen = choose();
    ASSERT_FALSE(chosen) << "which of them is meant only a person knows";
    EXPECT_EQ(chosen.error().reason, Reason::kChainAmbiguous);
    for (const auto& part : {furthest.head.name.chain, newest.head.name.chain, std::string("up to transaction 12 of "),
                             std::string("up to transaction 11 of "), std::string("name the chain")}) {
        EXPECT_NE(chosen.error().message.find(part), std::string::npos) << chosen.error().message;
    }
    EXPECT_EQ(choose(newest.head.name.chain)->key, newest.key);
    EXPECT_EQ(choose(furthest.head.name.chain)->key, furthest.key);
}

TEST_F(RestoreTest, HoldsFilesWhoseNamesOnlyLookDangerous) {
    // Of explicit indexes, which their users name.
    const std::string long_name = "index/lucene/node/" + std::string(251, 'x') + "/segments_1";
    const std::string chinese = "index/lucene/node/一二三四五六七八九十一二三四五六七八九十一二三四五/segments_1";
    for (const auto& name : {std::string("index/lucene/node/v1..v2/segments_1"), long_name, chinese}) {
        server_.atomic_files[name] = catchup::Bytes(3, std::byte{7});
    }
    const auto artifact = back_up("run-1");
    EXPECT_TRUE(verify(*store_, artifact, {})) << verify(*store_, artifact, {}).error().message;
    const auto restored = restore(*store_, whole({artifact}), {.directory = target()}, {});
    ASSERT_TRUE(restored) << restored.error().message;
    EXPECT_TRUE(std::filesystem::exists(target() + "/index/lucene/node/v1..v2/segments_1"));
    EXPECT_TRUE(std::filesystem::exists(target() + "/" + long_name));
    EXPECT_TRUE(std::filesystem::exists(target() + "/" + chinese));
}

TEST_F(RestoreTest, TellsABadPathOfTheIndexAsDamageOfTheArtifact) {
    for (const std::string path :
         {"../escaped", "RESTORE-INCOMPLETE", "neostore/below", "x\ny", "neostore.transaction.db.0"}) {
        // As somebody writes it who can change index and head alike.
        auto artifact = back_up("run-1");
        artifact.head.name.run.uid = "forged";
        {
            const auto writer = blocks::ArtifactWriter::create(*store_, layout_.blocks(artifact.head.name),
                                                               {.block_bytes = kSmallBuffers.block}, {})
                                    .value();
            const auto stream = writer->open_stream().value();
            ASSERT_TRUE(stream->open(path) && stream->done() && stream->open("neostore") && stream->done());
            const auto totals = writer->finish().value();
            artifact.head.counts = totals.counts;
            artifact.head.index = totals.index;
        }
        std::filesystem::remove_all(target());
        const auto restored = restore(*store_, whole({artifact}), {.directory = target()}, {});
        ASSERT_FALSE(restored) << path;
        EXPECT_EQ(restored.error().reason, Reason::kArtifactDamaged) << path << ": " << restored.error().message;
        EXPECT_EQ(restored.error().message.find('\n'), std::string::npos);
        EXPECT_EQ(verify(*store_, artifact, {}).error().reason, Reason::kArtifactDamaged) << path;
        std::filesystem::remove_all(repository() + "/" + layout_.artifact(artifact.head.name));
    }
}

TEST_F(RestoreTest, GivesNoStoreWithoutTheLogThatItsHeadPromises) {
    auto artifact = back_up("run-1");
    const auto promised = artifact.head.counts.transactions;
    ASSERT_GT(promised, 0);
    artifact.head.name.run.uid = "forged";
    {
        const auto writer = blocks::ArtifactWriter::create(*store_, layout_.blocks(artifact.head.name),
                                                           {.block_bytes = kSmallBuffers.block}, {})
                                .value();
        const auto stream = writer->open_stream().value();
        ASSERT_TRUE(stream->open("neostore") && stream->done());
        const auto totals = writer->finish().value();
        artifact.head.counts = totals.counts;
        artifact.head.counts.transactions = promised;
        artifact.head.index = totals.index;
    }
    const auto restored = restore(*store_, whole({artifact}), {.directory = target()}, {});
    ASSERT_FALSE(restored);
    EXPECT_EQ(restored.error().reason, Reason::kArtifactDamaged) << restored.error().message;
    EXPECT_TRUE(std::filesystem::exists(target() + "/" + kRestoreMarker));
    EXPECT_EQ(verify(*store_, artifact, {}).error().reason, Reason::kArtifactDamaged);
}

TEST_F(RestoreTest, ANameOfALaterRunnerIsNeverPassedOver) {
    const auto old = back_up("run-1");
    std::ofstream(repository() + "/" + layout_.heads() + "later") << "what nobody knows yet";
    const auto chosen = choose();
    ASSERT_FALSE(chosen) << "it may be the newest backup";
    EXPECT_EQ(chosen.error().reason, Reason::kArtifactNotSupported);
    EXPECT_NE(chosen.error().message.find(layout_.heads() + "later"), std::string::npos) << chosen.error().message;
    EXPECT_TRUE(choose(old.head.name.chain));
    EXPECT_EQ(run("run-2").reason, Reason::kCompleted) << "a full needs none of those before";
}

TEST_F(RestoreTest, ADatabaseThatCannotBeListedStopsLookUpsAndBackups) {
    (void)back_up("run-1");
    const auto heads = repository() + "/prod/graph.db/heads";
    std::filesystem::rename(heads, heads + "-away");
    std::filesystem::create_symlink("heads", heads);  // To itself.
    contract::RunSpec spec;
    spec.source = "prod";
    spec.database = "graph.db";
    spec.run = {.uid = "run-1", .attempt = 2};
    EXPECT_EQ(look_up_run(spec, *store_, {}).reason, Reason::kStorageUnavailable) << "it may lie in there";
    EXPECT_EQ(run("run-2").reason, Reason::kStorageUnavailable) << "which database is meant can't be told";
    EXPECT_EQ(choose().error().reason, Reason::kStorageUnavailable);
}

}  // namespace
}  // namespace n4b::engine
