#include "backup-runner/engine/restore_of_run.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "backup-runner/engine/restore.hpp"
#include "backup-runner/engine/restored_content.hpp"
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
        const contract::RunReport report{
            .reason = Reason::kCompleted,
            .message = "m",
            .run_uid = "restore-1",
            .attempt = 1,
            .restored = contract::RestoredReport{.chain = "c", .artifact = "a", .transaction = 7}};
        return {.directory = target(), .of_run = "restore-1", .process = "a", .record = contract::to_json(report)};
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
    ASSERT_TRUE(take_over(mine()));
    ASSERT_TRUE(take_over(other));
    EXPECT_EQ(tree(target()), before) << "what is finished stays";
}

TEST_F(RestoreOfRunTest, AnotherAttemptBeginsAnewWhereOneWasCutOff) {
    const auto artifact = back_up("run-1");
    attempt_is_cut_off(artifact, mine());
    EXPECT_FALSE(find_restored(mine())->has_value());
    std::filesystem::create_directory(target() + "/lost+found");
    ASSERT_TRUE(take_over(mine()));
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
    ASSERT_TRUE(take_over(at));
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
        ASSERT_TRUE(take_over(mine()));
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
    ASSERT_TRUE(take_over(second));
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
            ASSERT_TRUE(take_over(mine()));
            const auto again = restore(*store_, whole({artifact}), mine(), {});
            ASSERT_TRUE(again) << again.error().message << ": the power failed after operation " << at;
        }
        EXPECT_EQ(tree(target()), all) << "the power failed after operation " << at;
    }
}

}  // namespace
}  // namespace n4b::engine
