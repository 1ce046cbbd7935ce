#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <vector>

#include "backup-runner/storage/storage.hpp"
#include "tests/support/failing_calls.hpp"

namespace n4b::storage {
namespace {

using base::ErrorCode;
using base::Reason;
using testing::with_failing_calls;

#ifdef SYS_link
const std::vector<long> kLinkCalls{SYS_link, SYS_linkat};
#else
const std::vector<long> kLinkCalls{SYS_linkat};
#endif

std::vector<std::pair<long, int>> failing_links(int error) {
    std::vector<std::pair<long, int>> calls;
    for (const auto call : kLinkCalls) calls.emplace_back(call, error);
    return calls;
}

class VolumeTest : public ::testing::Test {
protected:
    VolumeTest() {
        char pattern[] = "/tmp/n4b-volume-test-XXXXXX";
        root_ = ::mkdtemp(pattern);
        volume_ = std::move(*create_volume(root_));
    }
    ~VolumeTest() override { std::filesystem::remove_all(root_); }

    base::Result<void> write(const std::string& key, std::size_t bytes = 10) {
        N4B_TRY(auto writer, volume_->create(key));
        N4B_TRY_VOID(writer->write(std::vector<std::byte>(bytes)));
        return writer->finish();
    }

    /// 0: it succeeded; 1: another error than this; else this one.
    template <typename T>
    static int outcome(const base::Result<T>& result, Reason reason) {
        return result ? 0 : result.error().reason == reason ? 2 : 1;
    }

    std::string root_;
    std::unique_ptr<Storage> volume_;
};

TEST_F(VolumeTest, PublishesOnlyToAFreeName) {
    ASSERT_TRUE(write("a"));
    ASSERT_TRUE(write("b"));
    ASSERT_TRUE(volume_->publish("a", "head"));
    EXPECT_FALSE(*volume_->exists("a"));
    const auto again = volume_->publish("b", "head");
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, ErrorCode::kAlreadyExists);
    EXPECT_EQ(again.error().reason, Reason::kArtifactConflict);
}

TEST_F(VolumeTest, PublishTakesItsOwnEarlierLinkForSuccess) {
    ASSERT_TRUE(write("a"));
    std::filesystem::create_hard_link(root_ + "/a", root_ + "/head");
    const auto published = volume_->publish("a", "head");
    EXPECT_TRUE(published) << published.error().message;
    EXPECT_FALSE(std::filesystem::exists(root_ + "/a"));
    EXPECT_TRUE(std::filesystem::exists(root_ + "/head"));
}

TEST_F(VolumeTest, PutsAFileInPlaceOfAnEmptyDirectory) {
    const auto replace = [&](const std::string& name) {
        const auto file = name + ".waiting";
        if (!volume_->make_directories(name) || !write(file)) return 1;
        if (!volume_->replace_directory(file, name)) return 2;
        if (std::filesystem::exists(root_ + "/" + file)) return 3;
        return std::filesystem::is_regular_file(root_ + "/" + name) ? 0 : 4;
    };
    EXPECT_EQ(replace("a"), 0);
    EXPECT_EQ(with_failing_calls({{SYS_renameat2, EINVAL}}, [&] { return replace("b"); }), 0)
        << "a file system that can't exchange names";
    EXPECT_EQ(with_failing_calls({{SYS_renameat2, EIO}}, [&] { return replace("c"); }), 0) << "one that says so oddly";
    EXPECT_EQ(with_failing_calls({{SYS_renameat2, EIO}, {SYS_rename, EIO}}, [&] { return replace("g"); }), 2)
        << "one that fails";
    ASSERT_TRUE(volume_->make_directories("d/e"));
    ASSERT_TRUE(write("f"));
    EXPECT_FALSE(volume_->replace_directory("f", "d")) << "it is not empty";
}

TEST_F(VolumeTest, PublishesExclusivelyOnAFileSystemWithoutHardLinks) {
    for (const int error : {EPERM, EOPNOTSUPP, ENOSYS, EMLINK, EIO, EINVAL, EACCES}) {
        ASSERT_TRUE(write("a"));
        ASSERT_TRUE(write("b"));
        EXPECT_EQ(with_failing_calls(failing_links(error),
                                     [&] { return outcome(volume_->publish("a", "head"), Reason::kInternalError); }),
                  0)
            << error;
        EXPECT_FALSE(*volume_->exists("a"));
        EXPECT_EQ(with_failing_calls(failing_links(error),
                                     [&] { return outcome(volume_->publish("b", "head"), Reason::kArtifactConflict); }),
                  2)
            << error;
        ASSERT_TRUE(volume_->remove("head"));
        ASSERT_TRUE(volume_->remove("b"));
    }
}

TEST_F(VolumeTest, SaysOfAFileSystemThatCannotPublishWhateverItAnswers) {
    // What drivers in user space answer is up to them: exfat-fuse says EPERM, rclone EIO.
    for (const int error : {EPERM, EIO, ENOSYS, EOPNOTSUPP, EINVAL, EACCES}) {
        ASSERT_TRUE(write("a"));
        auto calls = failing_links(error);
        calls.emplace_back(SYS_renameat2, error);
        EXPECT_EQ(with_failing_calls(calls,
                                     [&] {
                                         const auto published = volume_->publish("a", "head");
                                         const bool told = !published && published.error().message.find(
                                                                             "neither hard links") != std::string::npos;
                                         return told ? outcome(published, Reason::kStorageOperationUnsupported) : 3;
                                     }),
                  2)
            << error;
        EXPECT_FALSE(*volume_->exists("head"));
        EXPECT_TRUE(volume_->remove("a")) << "both names are as they were";
    }
}

TEST_F(VolumeTest, TellsAVolumeThatFailsFromOneThatCannotPublish) {
    ASSERT_TRUE(write("a"));
    for (const auto& [error, reason] : {std::pair{EIO, Reason::kStorageUnavailable}, {ENOSPC, Reason::kStorageFull}}) {
        auto calls = failing_links(error);
        calls.emplace_back(SYS_renameat2, error);
        calls.emplace_back(SYS_rename, error);
        EXPECT_EQ(
            with_failing_calls(calls, [&, reason = reason] { return outcome(volume_->publish("a", "head"), reason); }),
            2)
            << error;
    }
}

TEST_F(VolumeTest, TakesADirectoryThatCannotBeSynced) {
    const std::vector<std::pair<long, int>> calls{{SYS_fsync, EINVAL}};
    EXPECT_EQ(with_failing_calls(calls, [&] { return outcome(volume_->sync_directory(""), Reason::kInternalError); }),
              0);
    // A file is another matter.
    EXPECT_EQ(with_failing_calls(calls, [&] { return outcome(write("a"), Reason::kStorageUnavailable); }), 2);
}

TEST_F(VolumeTest, TellsWhatAFailedSyncMeans) {
    const std::vector<std::pair<int, Reason>> cases{{EIO, Reason::kStorageUnavailable},
                                                    {ESTALE, Reason::kStorageUnavailable},
                                                    {ENOSPC, Reason::kStorageFull},
                                                    {EDQUOT, Reason::kStorageFull},
                                                    {EROFS, Reason::kStorageReadOnly}};
    for (const auto& [error, reason] : cases) {
        const std::vector<std::pair<long, int>> calls{{SYS_fsync, error}};
        EXPECT_EQ(with_failing_calls(calls, [&, reason = reason] { return outcome(write("a"), reason); }), 2) << error;
        EXPECT_FALSE(*volume_->exists("a")) << "what is not durable does not stay";
        EXPECT_EQ(
            with_failing_calls(calls, [&, reason = reason] { return outcome(volume_->sync_directory(""), reason); }), 2)
            << error;
    }
}

TEST_F(VolumeTest, TellsOfAFailedWriteBackAndDoesWithout) {
    constexpr std::size_t kLong = std::size_t{32} * 1024 * 1024;
    // 1: another reason than StorageFull.
    const std::vector<std::pair<int, int>> cases{{ENOSPC, 2}, {ESTALE, 1}, {EINVAL, 0}, {ENOSYS, 0}};
    for (const auto& [error, code] : cases) {
        const std::vector<std::pair<long, int>> calls{{SYS_sync_file_range, error}};
        const auto write_long = [&] {
            const auto writer = volume_->create("a");
            const std::vector<std::byte> piece(kLong / 8);
            for (int i = 0; i < 8; ++i) {
                if (const auto done = (*writer)->write(piece); !done) return outcome(done, Reason::kStorageFull);
            }
            return outcome((*writer)->finish(), Reason::kStorageFull);
        };
        EXPECT_EQ(with_failing_calls(calls, write_long), code) << error;
        EXPECT_EQ(*volume_->exists("a"), code == 0) << error;
        (void)volume_->remove("a");
    }
}

TEST_F(VolumeTest, WritesAroundThePageCacheWhatComesInOddPieces) {
    const auto write_odd = [&] {
        const auto writer = volume_->create("odd", Caching::kAround);
        std::vector<std::byte> all(std::size_t{5} * 1024 * 1024 + 77);
        for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::byte>(i * 13 + i / 4096);
        std::size_t piece = 1;
        for (auto left = std::span<const std::byte>(all); !left.empty(); piece = piece * 3 + 1) {
            const auto part = left.first(std::min(left.size(), piece));
            if (!(*writer)->write(part)) return 1;
            left = left.subspan(part.size());
        }
        if (!(*writer)->finish()) return 2;
        std::ifstream file(root_ + "/odd", std::ios::binary);
        const std::vector<char> read{std::istreambuf_iterator<char>(file), {}};
        const auto* expected = reinterpret_cast<const char*>(all.data());
        return std::equal(read.begin(), read.end(), expected, expected + all.size()) ? 0 : 3;
    };
    EXPECT_EQ(write_odd(), 0);
    ASSERT_TRUE(volume_->remove("odd"));
    EXPECT_EQ(with_failing_calls({{SYS_fcntl, EINVAL}}, write_odd), 0) << "a file system that can't";
}

TEST_F(VolumeTest, GoesOnFromTheBeginningOfAnotherFile) {
    constexpr std::size_t kMiB = 1024 * 1024;
    std::vector<std::byte> all(12 * kMiB + 77);
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::byte>(i * 13 + i / 4096);
    const auto is_all = [&](const std::string& key) {
        std::ifstream file(root_ + "/" + key, std::ios::binary);
        const std::vector<char> read{std::istreambuf_iterator<char>(file), {}};
        const auto* expected = reinterpret_cast<const char*>(all.data());
        return read.size() == all.size() && std::equal(read.begin(), read.end(), expected);
    };
    const auto go_on = [&] {
        for (const auto caching : {Caching::kThrough, Caching::kAround}) {
            const auto first = volume_->create("first", caching);
            if (!first || !(*first)->write(std::span(all).first(10 * kMiB + 5))) return 1;
            const auto durable = (*first)->sync();
            if (!durable || *durable < static_cast<std::int64_t>(9 * kMiB)) return 2;
            const auto second = volume_->create_from("second", "first", 9 * kMiB, caching);
            if (!second || !(*second)->write(std::span(all).subspan(9 * kMiB)) || !(*second)->finish()) return 3;
            if (!is_all("second")) return 4;
            if (!volume_->remove("second") || !volume_->remove("first")) return 5;
        }
        return 0;
    };
    EXPECT_EQ(go_on(), 0);
    EXPECT_EQ(with_failing_calls({{SYS_copy_file_range, EXDEV}}, go_on), 0) << "from another file system";
    ASSERT_TRUE(write("short", 4095));
    const auto longer = volume_->create_from("longer", "short", 4096, Caching::kThrough);
    ASSERT_FALSE(longer);
    EXPECT_EQ(longer.error().reason, Reason::kStorageUnavailable);
    EXPECT_FALSE(*volume_->exists("longer")) << "nothing is left of it";
    EXPECT_FALSE(volume_->create_from("longer", "nowhere", 4096, Caching::kThrough));
}

TEST_F(VolumeTest, TellsWhatAFailedCloseMeans) {
    const std::vector<std::pair<int, int>> cases{{ENOSPC, 2}, {EINTR, 0}};
    for (const auto& [error, code] : cases) {
        EXPECT_EQ(with_failing_calls({{SYS_close, error}}, [&] { return outcome(write("a"), Reason::kStorageFull); }),
                  code)
            << error;
        (void)volume_->remove("a");
    }
}

TEST_F(VolumeTest, TellsWhatAFailedWriteMeans) {
    const std::vector<std::pair<int, Reason>> cases{
        {EIO, Reason::kStorageUnavailable}, {ENOSPC, Reason::kStorageFull}, {EFBIG, Reason::kStorageFull}};
    for (const auto& [error, reason] : cases) {
        EXPECT_EQ(with_failing_calls({{SYS_write, error}},
                                     [&, reason = reason] { return outcome(write("a", 4096), reason); }),
                  2)
            << error;
        EXPECT_FALSE(*volume_->exists("a"));
    }
}

TEST_F(VolumeTest, EndsAFileThatIsTooLongForTheFileSystem) {
    // 0: as expected. The limit stands for that of a file system, such as 4 GiB.
    EXPECT_EQ(with_failing_calls({},
                                 [&] {
                                     std::signal(SIGXFSZ, SIG_IGN);
                                     const rlimit limit{.rlim_cur = 1024 * 1024, .rlim_max = 1024 * 1024};
                                     ::setrlimit(RLIMIT_FSIZE, &limit);
                                     return outcome(write("a", 2 * 1024 * 1024), Reason::kStorageFull);
                                 }),
              2);
    EXPECT_FALSE(*volume_->exists("a"));
}

TEST_F(VolumeTest, GivesWhatRootMakesToTheOwnerOfTheDirectory) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
    ASSERT_EQ(::chown(root_.c_str(), 4711, 4712), 0);
    const auto opened = open_volume(root_);
    ASSERT_TRUE(opened);
    ASSERT_TRUE((*opened)->make_directories("a/b"));
    ASSERT_TRUE((*(*opened)->create("a/b/file"))->finish());
    for (const auto* name : {"/a", "/a/b", "/a/b/file"}) {
        struct stat status {};
        ASSERT_EQ(::stat((root_ + name).c_str(), &status), 0);
        EXPECT_EQ(status.st_uid, 4711U) << name;
        EXPECT_EQ(status.st_gid, 4712U) << name;
    }
}

TEST_F(VolumeTest, RemovesADirectoryOnlyWhereItIsEmpty) {
    ASSERT_TRUE(volume_->make_directories("a/b"));
    EXPECT_FALSE(volume_->remove_directory("a").value());
    EXPECT_TRUE(volume_->remove_directory("a/b").value());
    EXPECT_TRUE(volume_->remove_directory("a").value());
    EXPECT_FALSE(volume_->remove_directory("a").value());
}

TEST_F(VolumeTest, TellsThatTheVolumeHasGone) {
    ASSERT_TRUE(volume_->make_directories("d"));
    std::filesystem::remove_all(root_);
    EXPECT_EQ(outcome(write("d/a"), Reason::kStorageUnavailable), 2);
    EXPECT_EQ(outcome(volume_->sync_directory("d"), Reason::kStorageUnavailable), 2);
    EXPECT_EQ(outcome(volume_->publish("d/a", "d/b"), Reason::kStorageUnavailable), 2);
    std::filesystem::create_directories(root_);
}

TEST_F(VolumeTest, RefusesADirectoryInPlaceOfWhichAFileStands) {
    ASSERT_TRUE(volume_->make_directories("d/e"));
    ASSERT_TRUE(volume_->make_directories("d/e"));
    ASSERT_TRUE(write("d/f"));
    for (const char* key : {"d/f", "d/f/g", "d/f/g/h"}) {
        const auto made = volume_->make_directories(key);
        ASSERT_FALSE(made) << key;
        EXPECT_EQ(made.error().code, ErrorCode::kAlreadyExists) << key;
    }
}

}  // namespace
}  // namespace n4b::storage
