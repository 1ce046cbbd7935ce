#include "backup-runner/engine/restore_journal.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <utility>

#include "backup-runner/engine/restore.hpp"
#include "backup-runner/engine/restore_of_run.hpp"
#include "backup-runner/engine/restored_content.hpp"
#include "backup-runner/object_store/forwarding_store.hpp"
#include "tests/backup-runner/engine/restore_fixture.hpp"
#include "tests/support/faulty_storage.hpp"

namespace n4b::engine {
namespace {

using testing::Fault;
using testing::FaultyStorage;

/// Attempts that keep a journal, of a backup with files that are long enough for it.
class RestoreJournalTest : public RestoreTest {
protected:
    static constexpr std::int64_t kMiB = 1024 * 1024;

    void SetUp() override {
        for (const auto& [name, bytes] :
             {std::pair("neostore.nodestore.db", 5 * kMiB + 100), std::pair("neostore.propertystore.db", 3 * kMiB),
              std::pair("schema/index/lucene/1/1/_0.cfs", 2 * kMiB + 1)}) {
            catchup::Bytes contents(static_cast<std::size_t>(bytes));
            for (std::size_t at = 0; at < contents.size(); ++at) {
                contents[at] = static_cast<std::byte>(at * 31 + at / 4096 + name[9]);
            }
            server_.atomic_files[name] = std::move(contents);
        }
        point_ = whole({back_up("run-1")});
    }

    [[nodiscard]] RestoreTarget attempt(const std::string& process) const {
        return {.directory = target(),
                .of_run = "restore-1",
                .process = process,
                .record = record_of_run(),
                .origin = origin_of(point_)};
    }

    /// One attempt, as the runner makes it, on a storage with a fault. How many operations changed the storage; -1: it
    /// failed.
    std::int64_t restore_with(const RestoreTarget& target, Fault fault, std::int64_t at,
                              object_store::ObjectStore& from) {
        const auto kept = take_over(target, plain_bytes_of(point_.chain));
        EXPECT_TRUE(kept) << kept.error().message;
        const auto volume = std::move(*storage::create_volume(target.directory));
        FaultyStorage faulty(*volume, target.directory, fault, at);
        const auto log =
            target.log_directory.empty() ? nullptr : std::move(*storage::create_volume(target.log_directory));
        const auto done = restore(from, point_,
                                  {.store = faulty,
                                   .log = log ? *log : static_cast<storage::Storage&>(faulty),
                                   .name = target.directory,
                                   .marker = marker_text(target),
                                   .process = target.process,
                                   .record = target.record,
                                   .origin = target.origin,
                                   .kept = *kept,
                                   .journal_bytes = kMiB,
                                   .still_ours = [&] { return is_ours(target); }},
                                  {});
        EXPECT_TRUE(done) << done.error().message;
        return done ? faulty.operations() : -1;
    }
    std::int64_t operations_of(const RestoreTarget& target) { return restore_with(target, Fault::kNone, -1, *store_); }

    /// In a process of its own, which ends there; false: it was finished before.
    bool is_killed(const RestoreTarget& target, Fault fault, std::int64_t at) {
        const pid_t child = ::fork();
        if (child == 0) ::_exit(restore_with(target, fault, at, *store_) < 0 ? 1 : 0);
        int status = 0;
        EXPECT_EQ(::waitpid(child, &status, 0), child);
        return WEXITSTATUS(status) == testing::kFaultExit;
    }

    /// How many blocks the attempt asks for that finishes.
    int blocks_of_the_last(const RestoreTarget& target) {
        std::atomic<int> blocks = 0;
        CountedStore counted(*store_, blocks);
        EXPECT_GT(restore_with(target, Fault::kNone, -1, counted), 0);
        return blocks;
    }

    class CountedStore final : public object_store::ForwardingStore {
    public:
        CountedStore(object_store::ObjectStore& inner, std::atomic<int>& blocks)
            : ForwardingStore(inner), blocks_(blocks) {}
        base::Result<std::size_t> get(std::string_view key, std::int64_t offset, std::span<std::byte> into,
                                      const object_store::Call& call) override {
            if (key.find("/blocks/") != std::string_view::npos) ++blocks_;
            return inner_.get(key, offset, into, call);
        }

    private:
        std::atomic<int>& blocks_;
    };

    RestorePoint point_{};
};

TEST_F(RestoreJournalTest, AnAttemptGoesOnWhereOneWasKilled) {
    const auto all = blocks_of_the_last(attempt("a"));
    const auto sound = tree(target());
    EXPECT_FALSE(sound.contains(kRestoreJournal));
    std::filesystem::remove_all(target());
    const auto operations = operations_of(attempt("a"));
    std::filesystem::remove_all(target());
    ASSERT_TRUE(is_killed(attempt("a"), Fault::kExitAfter, operations - 20));
    ASSERT_TRUE(std::filesystem::exists(target() + "/" + kRestoreJournal));
    EXPECT_LT(blocks_of_the_last(attempt("b")), all / 2) << "of " << all;
    EXPECT_EQ(tree(target()), sound);
}

TEST_F(RestoreJournalTest, EndsWholeAfterAnyTwoPowerFailures) {
    const auto operations = operations_of(attempt("a"));
    ASSERT_GT(operations, 100);
    const auto sound = tree(target());
    int kept = 0;
    for (std::int64_t at = 0; at < operations; at += 13) {
        std::filesystem::remove_all(target());
        ASSERT_TRUE(is_killed(attempt("a"), Fault::kPowerOffAfter, at));
        (void)is_killed(attempt("b"), Fault::kPowerOffAfter, at * 37 % operations);
        const auto found = find_restored(attempt("c"));
        ASSERT_TRUE(found) << found.error().message;
        if (!*found) {
            kept += read_journal(target(), attempt("c").origin).empty() ? 0 : 1;
            ASSERT_GT(operations_of(attempt("c")), 0) << "the power failed after operation " << at;
        }
        ASSERT_EQ(tree(target()), sound) << "the power failed after operation " << at;
    }
    EXPECT_GT(kept, 4) << "attempts that went on";
}

TEST_F(RestoreJournalTest, TheLogElsewhereGoesOnToo) {
    auto first = attempt("a");
    auto second = attempt("b");
    first.log_directory = second.log_directory = root_ + "/logs";
    const auto operations = operations_of(first);
    const auto log = tree(first.log_directory);
    std::filesystem::remove_all(target());
    std::filesystem::remove_all(first.log_directory);
    ASSERT_TRUE(is_killed(first, Fault::kExitAfter, operations - 5));
    ASSERT_GT(operations_of(second), 0);
    EXPECT_EQ(tree(second.log_directory), log);
}

TEST_F(RestoreJournalTest, OfAnotherOriginNothingIsKept) {
    const auto operations = operations_of(attempt("a"));
    const auto sound = tree(target());
    std::filesystem::remove_all(target());
    ASSERT_TRUE(is_killed(attempt("a"), Fault::kExitAfter, operations - 20));
    auto other = attempt("b");
    other.origin = "something else";
    const auto kept = take_over(other, 0);
    ASSERT_TRUE(kept);
    EXPECT_FALSE(*kept);
    EXPECT_TRUE(tree(target()).empty());
    ASSERT_GT(operations_of(attempt("c")), 0);
    EXPECT_EQ(tree(target()), sound);
}

TEST_F(RestoreJournalTest, WhoeverIsThoughtDeadWritesToNoFileOfTheStore) {
    const auto operations = operations_of(attempt("a"));
    const auto sound = tree(target());
    const auto origin = attempt("a").origin;
    KeptFiles journal;
    const auto has_unfinished = [&] {
        journal = read_journal(target(), origin);
        return std::any_of(journal.begin(), journal.end(), [](const auto& file) { return !file.second.whole; });
    };
    for (std::int64_t at = operations / 8; at < operations && !has_unfinished(); at += 5) {
        std::filesystem::remove_all(target());
        ASSERT_TRUE(is_killed(attempt("a"), Fault::kExitAfter, at));
    }
    std::map<std::string, ino_t> before;
    for (const auto& [path, contents] : tree(target())) {
        struct stat status {};
        ASSERT_EQ(::stat((target() + "/" + path).c_str(), &status), 0);
        before[path] = status.st_ino;
    }
    ASSERT_GT(operations_of(attempt("b")), 0);
    EXPECT_EQ(tree(target()), sound);
    int unfinished = 0;
    for (const auto& [path, file] : journal) {
        if (file.whole) continue;
        struct stat status {};
        ASSERT_EQ(::stat((target() + "/" + path).c_str(), &status), 0);
        EXPECT_NE(status.st_ino, before.at(path)) << path;
        ++unfinished;
    }
    EXPECT_GT(unfinished, 0);
}

TEST_F(RestoreJournalTest, AJournalThatLiesIsBelievedInNothing) {
    const auto operations = operations_of(attempt("a"));
    const auto sound = tree(target());
    const auto origin = attempt("a").origin;
    for (const std::string lie :
         {R"({"path":"neostore.nodestore.db","bytes":2,"whole":true})", "{", "[]", "7",
          R"({"path":"neostore.nodestore.db","bytes":-1,"whole":false})",
          R"({"path":"../../etc/passwd","bytes":1,"whole":true})", R"({"path":7,"bytes":1048576,"whole":false})"}) {
        std::filesystem::remove_all(target());
        ASSERT_TRUE(is_killed(attempt("a"), Fault::kExitAfter, operations / 2));
        {
            std::ofstream journal(target() + "/" + kRestoreJournal);
            journal << R"({"restores":")" << origin << "\"}\n" << lie << "\n";
        }
        ASSERT_GT(operations_of(attempt("b")), 0) << lie;
        EXPECT_EQ(tree(target()), sound) << lie;
    }
}

}  // namespace
}  // namespace n4b::engine
