#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "tests/backup-runner/engine/backup_fixture.hpp"
#include "tests/support/faulty_storage.hpp"

namespace n4b::engine {
namespace {

using base::Reason;
using testing::Fault;
using testing::FaultyStorage;

/// Runs one backup in a process of its own; its exit status.
template <typename Work>
int in_child(Work work) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(work());
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status));
    return WEXITSTATUS(status);
}

class CrashesTest : public BackupTest {};

/// A process that ends before an operation leaves what one leaves that ended after the operation before.
class CrashTest : public BackupTest, public ::testing::WithParamInterface<Fault> {};

INSTANTIATE_TEST_SUITE_P(A, CrashTest,
                         ::testing::Values(Fault::kFailBefore, Fault::kFailAfter, Fault::kExitAfter,
                                           Fault::kPowerOffAfter),
                         [](const auto& fault) {
                             switch (fault.param) {
                                 case Fault::kFailBefore:
                                     return "FailureBefore";
                                 case Fault::kFailAfter:
                                     return "FailureAfter";
                                 case Fault::kExitAfter:
                                     return "ProcessEndAfter";
                                 default:
                                     return "PowerFailureAfter";
                             }
                         });

TEST_P(CrashTest, EveryOperationIsSurvived) {
    spec_.connections = 1;
    std::int64_t operations = 0;
    {
        const auto counting = std::make_shared<FaultyStorage>(*files_, repository(), Fault::kNone, -1);
        ASSERT_EQ(back_up(*object_store::volume_store(repository(), counting)).reason, Reason::kCompleted);
        operations = counting->operations();
    }
    ASSERT_GT(operations, 40);
    for (std::int64_t at = 0; at < operations; ++at) {
        const auto label = "at " + std::to_string(at);
        make_repository();
        const int code = in_child([&] {
            runs_ += 1000;  // no two processes draw the same random numbers
            const auto faulty = std::make_shared<FaultyStorage>(*files_, repository(), GetParam(), at);
            const auto store = object_store::volume_store(repository(), faulty);
            return back_up(*store).reason == Reason::kCompleted ? 0 : 1;
        });
        const auto sound = sound_artifacts();
        // A backup reported as done is there; whatever else is there is sound (checked above).
        if (code == 0) {
            EXPECT_EQ(sound, 1U) << label;
        }
        EXPECT_LE(sound, 1U) << label;
        // The next attempt of the run succeeds, and copies nothing when the artifact was finished.
        spec_.run.attempt = 2;
        const auto next = back_up();
        EXPECT_EQ(next.reason, Reason::kCompleted) << label << ": " << next.message;
        EXPECT_EQ(next.adopted, sound == 1) << label;
        EXPECT_EQ(sound_artifacts(), 1U) << label;
        spec_.run.attempt = 1;
        if (HasFailure()) return;
    }
}

TEST_F(CrashesTest, MakesAnAdoptedHeadDurableBeforeItIsReported) {
    const auto first = back_up();
    ASSERT_EQ(first.reason, Reason::kCompleted) << first.message;
    spec_.run.attempt = 2;
    for (const bool looked_up : {false, true}) {
        const int code = in_child([&] {
            // The first attempt was killed between the head's name and the sync of its directory.
            const auto files = std::make_shared<FaultyStorage>(*files_, repository(), Fault::kNone, -1);
            files->assume_volatile(first.artifact->location);
            const auto store = object_store::volume_store(repository(), files);
            const auto report = looked_up ? look_up_run(spec_, *store, {}) : back_up(*store);
            if (report.reason == Reason::kCompleted) files->power_off();
            return 1;
        });
        EXPECT_EQ(code, testing::kFaultExit);
        EXPECT_EQ(sound_artifacts(), 1U) << "reported as done, and gone after the power failed";
    }
}

TEST_F(CrashesTest, LeavesOnlySoundArtifactsWhenKilledAtRandom) {
    spec_.connections = 2;
    for (int i = 0; i < 50; ++i) {
        spec_.run.uid = "kill-" + std::to_string(i);
        const pid_t child = ::fork();
        if (child == 0) ::_exit(back_up(*store_in(repository())).reason == Reason::kCompleted ? 0 : 1);
        ::usleep(static_cast<useconds_t>(i * 400));
        ::kill(child, SIGKILL);
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        const auto sound = sound_artifacts();
        spec_.run.attempt = 2;
        runs_ += 100;
        const auto next = back_up();
        ASSERT_EQ(next.reason, Reason::kCompleted) << i << ": " << next.message;
        EXPECT_EQ(sound_artifacts(), next.adopted ? sound : sound + 1);
        spec_.run.attempt = 1;
    }
}

}  // namespace
}  // namespace n4b::engine
