#include "backup-runner/engine/restore_of_run.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>
#include <utility>

#include "backup-runner/engine/chain.hpp"
#include "backup-runner/engine/restore.hpp"
#include "backup-runner/engine/restored_content.hpp"
#include "backup-runner/object_store/forwarding_store.hpp"
#include "tests/backup-runner/engine/restore_fixture.hpp"
#include "tests/support/faulty_storage.hpp"

namespace n4b::engine {
namespace {

using base::Reason;
using testing::Fault;
using testing::FaultyStorage;
using ::testing::HasSubstr;

/// Restores that belong to the run "restore-1", one attempt after the other.
class RestoreOfRunTest : public RestoreTest {
protected:
    [[nodiscard]] RestoreTarget mine() const {
        return {.directory = target(), .of_run = "restore-1", .process = "a", .record = record_of_run()};
    }
    /// Ends in the middle of it: what it has written stays.
    void attempt_is_cut_off(const Artifact& artifact, const RestoreTarget& at) {
        auto damaged = artifact;
        damaged.head.counts.files += 1;  // Only the end tells.
        ASSERT_FALSE(restore(*store_, whole({damaged}), at, {}));
        ASSERT_TRUE(std::filesystem::exists(at.directory + "/" + kRestoreMarker));
    }
};

TEST_F(RestoreOfRunTest, AnotherAttemptFindsWhatOneHasFinished) {
    const auto artifact = back_up("run-1");
    EXPECT_FALSE(find_restored(mine())->has_value()) << "there is no directory yet";
    ASSERT_TRUE(restore(*store_, whole({artifact}), mine(), {}));
    const auto found = find_restored(mine());
    ASSERT_TRUE(found && *found);
    EXPECT_EQ((*found)->restored->transaction, 7);
    EXPECT_FALSE(std::filesystem::exists(target() + "/" + kRestoreMarker));
    auto other = mine();
    other.of_run = "restore-2";
    EXPECT_FALSE(find_restored(other)->has_value());
    const auto before = tree(target());
    ASSERT_TRUE(take_over(mine(), 0));
    ASSERT_TRUE(take_over(other, 0));
    EXPECT_EQ(tree(target()), before) << "what is finished stays";
}

TEST_F(RestoreOfRunTest, AnotherAttemptBeginsAnewWhereOneWasCutOff) {
    const auto artifact = back_up("run-1");
    attempt_is_cut_off(artifact, mine());
    EXPECT_FALSE(find_restored(mine())->has_value());
    std::filesystem::create_directory(target() + "/lost+found");
    ASSERT_TRUE(take_over(mine(), 0));
    EXPECT_TRUE(tree(target()).empty());
    EXPECT_TRUE(std::filesystem::exists(target() + "/lost+found"));
    ASSERT_TRUE(restore(*store_, whole({artifact}), mine(), {}));
}

TEST_F(RestoreOfRunTest, TheLogElsewhereGoesTooAndNothingBesideIt) {
    const auto artifact = back_up("run-1");
    auto at = mine();
    at.log_directory = root_ + "/logs";
    attempt_is_cut_off(artifact, at);
    std::ofstream(at.log_directory + "/other") << "x";
    ASSERT_TRUE(take_over(at, 0));
    EXPECT_EQ(tree(at.log_directory).size(), 1U);
    EXPECT_TRUE(tree(at.log_directory).contains("other"));
}

TEST_F(RestoreOfRunTest, WhatAnotherRunOrAPersonLeftUnfinishedStays) {
    const auto artifact = back_up("run-1");
    auto other = mine();
    for (const auto* whose : {"restore-2", ""}) {
        std::filesystem::remove_all(target());
        other.of_run = whose;
        attempt_is_cut_off(artifact, other);
        const auto before = tree(target());
        ASSERT_TRUE(take_over(mine(), 0));
        EXPECT_EQ(tree(target()), before);
        const auto refused = restore(*store_, whole({artifact}), mine(), {});
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().reason, Reason::kTargetNotEmpty);
        EXPECT_THAT(refused.error().message, HasSubstr("an earlier restore was cut off there"));
    }
}

TEST_F(RestoreOfRunTest, AnAttemptThatIsTakenOverNeitherRemovesNorFinishes) {
    const auto artifact = back_up("run-1");
    attempt_is_cut_off(artifact, mine());
    auto second = mine();
    second.process = "b";
    ASSERT_TRUE(take_over(second, 0));
    attempt_is_cut_off(artifact, second);
    EXPECT_FALSE(is_ours(mine()));
    const auto before = tree(target());
    ASSERT_TRUE(remove_own(mine()));
    EXPECT_EQ(tree(target()), before) << "they are another attempt's";
    ASSERT_TRUE(remove_own(second));
    EXPECT_TRUE(tree(target()).empty());

    const auto volume = std::move(*storage::create_volume(target()));
    const OpenTarget lost{.store = *volume,
                          .log = *volume,
                          .name = target(),
                          .marker = marker_text(mine()),
                          .record = mine().record,
                          .still_ours = [] { return false; }};
    const auto refused = restore(*store_, whole({artifact}), lost, {});
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("another attempt of this run writes there now"));
    EXPECT_TRUE(std::filesystem::is_directory(target() + "/neostore")) << "a server would start on it";
}

/// Lets something happen when the restore's own thread, and none that reads ahead, asks for a block.
class WatchedStore final : public object_store::ForwardingStore {
public:
    WatchedStore(object_store::ObjectStore& inner, std::function<void(int block)> on_block)
        : ForwardingStore(inner), on_block_(std::move(on_block)) {}

    base::Result<std::size_t> get(std::string_view key, std::int64_t offset, std::span<std::byte> into,
                                  const object_store::Call& call) override {
        const bool own = std::this_thread::get_id() == thread_;
        if (own && key.find("/blocks/") != std::string_view::npos) on_block_(++blocks_);
        return inner_.get(key, offset, into, call);
    }
    [[nodiscard]] int blocks() const { return blocks_; }

private:
    const std::function<void(int)> on_block_;
    const std::thread::id thread_ = std::this_thread::get_id();
    int blocks_ = 0;
};

TEST_F(RestoreOfRunTest, WhoeverIsTakenOverMeanwhileEndsWithoutATrace) {
    (void)back_up("run-1");
    server_.last_committed = 12;
    const auto last = back_up("run-2", contract::BackupType::kIncremental);
    const auto chain = read_chain(*store_, layout_, last, {});
    ASSERT_TRUE(chain && chain->size() == 2);
    // The index of each artifact is asked for twice: when it is asked for the second time, none of the artifact's files
    // has begun; and when that of the increment is, no file is still to begin, so that only the end tells.
    for (int at = 1; at <= 4; ++at) {
        std::filesystem::remove_all(target());
        auto second = mine();
        second.process = "b";
        WatchedStore watched(*store_, [&](int block) {
            if (block != at) return;
            ASSERT_TRUE(take_over(second, 0));
            const auto theirs = restore(*store_, whole(*chain), second, {});
            ASSERT_TRUE(theirs) << theirs.error().message;
        });
        const auto first = restore(watched, whole(*chain), mine(), {});
        ASSERT_FALSE(first) << "taken over at block " << at;
        EXPECT_THAT(first.error().message, HasSubstr("another attempt of this run writes there now"));
        EXPECT_EQ(first.error().reason, Reason::kTargetNotEmpty);
        EXPECT_GE(watched.blocks(), at);
        const auto after = tree(target());
        ASSERT_TRUE(remove_own(mine()));
        EXPECT_EQ(tree(target()), after) << "they are another attempt's";
        std::filesystem::remove_all(target());
        ASSERT_TRUE(restore(*store_, whole(*chain), second, {}));
        EXPECT_EQ(after, tree(target())) << "taken over at block " << at;
    }
}

TEST_F(RestoreOfRunTest, AFileThatIsCreatedInAnothersTargetGoesAgain) {
    const auto artifact = back_up("run-1");
    int created = 0;
    for (int times = 1; times < 8; ++times) {
        std::filesystem::remove_all(target());
        const auto volume = std::move(*storage::create_volume(target()));
        int asked = 0;
        std::map<std::string, std::string> before;
        std::map<std::string, std::string> there;
        const OpenTarget lost{.store = *volume,
                              .log = *volume,
                              .name = target(),
                              .marker = marker_text(mine()),
                              .process = "a",
                              .record = mine().record,
                              .still_ours = [&] {
                                  before = std::exchange(there, tree(target()));
                                  return ++asked <= times;
                              }};
        ASSERT_FALSE(restore(*store_, whole({artifact}), lost, {}));
        EXPECT_EQ(asked, times + 1) << "nothing goes on after the answer was no";
        const auto left = tree(target());
        for (const auto& [name, contents] : there) {
            if (before.contains(name)) continue;
            created += name == kRestoreMarker ? 0 : 1;
            EXPECT_TRUE(name == kRestoreMarker || !left.contains(name)) << name;
        }
    }
    EXPECT_GT(created, 1) << "files were created right before the target was lost";
}

TEST_F(RestoreOfRunTest, ARecordWithoutADatabaseIsNoEnd) {
    std::filesystem::create_directories(target() + "/neostore");
    std::ofstream(target() + "/" + kRestoreRecord) << mine().record;
    EXPECT_FALSE(find_restored(mine())->has_value());
}

TEST_F(RestoreOfRunTest, EndsWholeAfterOneMoreAttemptWhereverThePowerFailed) {
    const auto artifact = back_up("run-1");
    const auto attempt = [&](Fault fault, std::int64_t at) {
        const auto volume = std::move(*storage::create_volume(target()));
        FaultyStorage faulty(*volume, target(), fault, at);
        const OpenTarget open{
            .store = faulty, .log = faulty, .name = target(), .marker = marker_text(mine()), .record = mine().record};
        return restore(*store_, whole({artifact}), open, {}) ? faulty.operations() : -1;
    };
    const auto operations = attempt(Fault::kNone, -1);
    ASSERT_GT(operations, 20);
    const auto all = tree(target());
    ASSERT_TRUE(all.contains(kRestoreRecord));
    for (std::int64_t at = 0; at < operations; ++at) {
        std::filesystem::remove_all(target());
        const pid_t child = ::fork();
        if (child == 0) ::_exit(attempt(Fault::kPowerOffAfter, at) < 0 ? 1 : 0);
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        ASSERT_EQ(WEXITSTATUS(status), testing::kFaultExit);
        const auto found = find_restored(mine());
        ASSERT_TRUE(found) << found.error().message;
        if (!*found) {
            ASSERT_TRUE(take_over(mine(), 0));
            const auto again = restore(*store_, whole({artifact}), mine(), {});
            ASSERT_TRUE(again) << again.error().message << ": the power failed after operation " << at;
        }
        EXPECT_EQ(tree(target()), all) << "the power failed after operation " << at;
    }
}

}  // namespace
}  // namespace n4b::engine
