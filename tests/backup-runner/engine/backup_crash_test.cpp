#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "backup-runner/engine/clean_up.hpp"
#include "backup-runner/engine/leftovers.hpp"
#include "backup-runner/engine/repository.hpp"
#include "tests/backup-runner/engine/backup_fixture.hpp"
#include "tests/support/faulty_storage.hpp"
#include "tests/support/later_store.hpp"

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

/// Bytes below blocks/ of artifacts without a head, unfinished files included.
std::uintmax_t rubbish(object_store::ObjectStore& store, const format::Layout& layout, const std::string& root) {
    std::uintmax_t bytes = 0;
    const auto walked = walk_leftovers(store, layout, {},
                                       [&](const Leftover& leftover) {
                                           const auto blocks = root + "/" + layout.blocks(leftover.name);
                                           if (!std::filesystem::exists(blocks)) return true;
                                           for (const auto& file : std::filesystem::directory_iterator(blocks)) {
                                               bytes += 1 + file.file_size();
                                           }
                                           return true;
                                       },
                                       {});
    EXPECT_TRUE(walked) << walked.error().message;
    return bytes;
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
        EXPECT_EQ(rubbish(*store_, layout_, repository()), 0U) << label << ": the next attempt removes it";
        spec_.run.attempt = 1;
        if (HasFailure()) return;
    }
}

TEST_P(CrashTest, EveryOperationOfAnIncrementIsSurvived) {
    namespace fs = std::filesystem;
    spec_.connections = 1;
    spec_.when_impossible = contract::WhenImpossible::kFail;
    spec_.run.uid = "full";
    ASSERT_EQ(back_up().reason, Reason::kCompleted);
    const auto saved = root_ + "/saved";
    fs::copy(repository(), saved, fs::copy_options::recursive);
    const auto prepare = [&] {
        fs::remove_all(repository());
        fs::copy(saved, repository(), fs::copy_options::recursive);
    };
    spec_.run.uid = "increment";
    spec_.type = contract::BackupType::kIncremental;
    server_.last_committed = 14;
    const auto counting = std::make_shared<FaultyStorage>(*files_, repository(), Fault::kNone, -1);
    ASSERT_EQ(back_up(*object_store::volume_store(repository(), counting)).reason, Reason::kCompleted);
    ASSERT_GT(counting->operations(), 20);
    for (std::int64_t at = 0; at < counting->operations(); ++at) {
        const auto label = "at " + std::to_string(at);
        prepare();
        const int code = in_child([&] {
            runs_ += 1000;  // no two processes draw the same random numbers
            const auto faulty = std::make_shared<FaultyStorage>(*files_, repository(), GetParam(), at);
            const auto store = object_store::volume_store(repository(), faulty);
            return back_up(*store).reason == Reason::kCompleted ? 0 : 1;
        });
        const auto sound = sound_artifacts();
        if (code == 0) {
            EXPECT_EQ(sound, 2U) << label;
        }
        EXPECT_TRUE(sound == 1 || sound == 2) << label;
        // The chain can be gone on from whatever happened, by the next attempt and by the next run.
        spec_.run.attempt = 2;
        const auto next = back_up();
        ASSERT_EQ(next.reason, Reason::kCompleted) << label << ": " << next.message;
        EXPECT_EQ(next.adopted, sound == 2) << label;
        EXPECT_EQ(next.artifact->highest_transaction, 14) << label;
        EXPECT_EQ(sound_artifacts(), 2U) << label;
        EXPECT_EQ(rubbish(*store_, layout_, repository()), 0U) << label << ": the next attempt removes it";
        spec_.run = {.uid = "next", .attempt = 1};
        server_.last_committed = 16;
        const auto another = back_up();
        ASSERT_EQ(another.reason, Reason::kCompleted) << label << ": " << another.message;
        EXPECT_EQ(another.artifact->sequence, 2) << label;
        spec_.run = {.uid = "increment", .attempt = 1};
        server_.last_committed = 14;
        if (HasFailure()) return;
    }
}

TEST_P(CrashTest, ACleanUpIsTakenUpByTheNext) {
    namespace fs = std::filesystem;
    const auto saved = root_ + "/saved";
    ASSERT_EQ(back_up().reason, Reason::kCompleted);
    fs::copy(repository(), saved, fs::copy_options::recursive);
    const std::string id = open_repository(*store_, {}, {}).value().id;
    const auto prepare = [&] {
        fs::remove_all(repository());
        fs::copy(saved, repository(), fs::copy_options::recursive);
        const auto deadline = std::chrono::floor<std::chrono::seconds>(base::RealClock().system_now());
        for (const auto* run : {"run-1", "run-2"}) {
            const format::ArtifactName name{.chain = "20261122T215049Z-3f9c21", .run = {run, 1}};
            const auto write = [&](const std::string& key, std::string_view text) {
                fs::create_directories(fs::path(repository() + "/" + key).parent_path());
                std::ofstream(repository() + "/" + key) << text;
            };
            write(layout_.intent(name, deadline),
                  format::print_intent({.repository = id, .run = name.run, .deadline = deadline}));
            write(layout_.blocks(name) + "00000001", "block");
            write(layout_.blocks(name) + "00000002", "block");
            write(layout_.blocks(name) + ".n4b-unfinished-0-3", "half");
        }
    };
    const auto clean = [&](const std::shared_ptr<storage::Storage>& files) {
        const auto store = object_store::volume_store(repository(), files);
        testing::LaterStore later(*store, std::chrono::hours(30));
        return clean_up(later, layout_, {.run = {"run-1", 2}, .repository = id}, {});
    };
    prepare();
    const auto counting = std::make_shared<FaultyStorage>(*files_, repository(), Fault::kNone, -1);
    EXPECT_EQ(clean(counting).artifacts, 2);
    ASSERT_GT(counting->operations(), 20);
    for (std::int64_t at = 0; at < counting->operations(); ++at) {
        const auto label = "at " + std::to_string(at);
        prepare();
        (void)in_child([&] {
            (void)clean(std::make_shared<FaultyStorage>(*files_, repository(), GetParam(), at));
            return 0;
        });
        EXPECT_EQ(sound_artifacts(), 1U) << label;
        EXPECT_EQ(clean(files_).trouble, "") << label;
        EXPECT_EQ(sound_artifacts(), 1U) << label;
        // Who died behind the last object left empty directories, which nobody finds again.
        const auto chain = repository() + "/" + layout_.chain("20261122T215049Z-3f9c21");
        if (!fs::exists(chain)) continue;
        for (const auto& entry : fs::recursive_directory_iterator(chain)) {
            EXPECT_TRUE(entry.is_directory()) << label << ": " << entry.path();
        }
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
        // All artifacts are read again each time, so a few of them have to be enough.
        if (i % 10 == 0) make_repository();
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
        EXPECT_EQ(rubbish(*store_, layout_, repository()), 0U) << i;
        spec_.run.attempt = 1;
    }
}

}  // namespace
}  // namespace n4b::engine
