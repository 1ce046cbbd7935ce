#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "backup-runner/object_store/object_store.hpp"
#include "tests/support/failing_calls.hpp"

namespace n4b::object_store {
namespace {

using base::ErrorCode;
using base::Reason;
using ::testing::ElementsAre;
using testing::with_failing_calls;

// Only older architectures have the calls without "at".
#ifdef SYS_link
const std::vector<std::pair<long, int>> kNoLinks{{SYS_link, EPERM}, {SYS_linkat, EPERM}};
const std::vector<std::pair<long, int>> kNoRenames{{SYS_rename, EROFS}, {SYS_renameat, EROFS}};
#else
const std::vector<std::pair<long, int>> kNoLinks{{SYS_linkat, EPERM}};
const std::vector<std::pair<long, int>> kNoRenames{{SYS_renameat, EROFS}, {SYS_renameat2, EROFS}};
#endif

class VolumeStoreTest : public ::testing::Test {
protected:
    VolumeStoreTest() {
        char pattern[] = "/tmp/n4b-volume-store-XXXXXX";
        root_ = ::mkdtemp(pattern);
        store_ = std::move(*open_volume_store(root_));
    }
    ~VolumeStoreTest() override { std::filesystem::remove_all(root_); }

    base::Result<void> put(const std::string& key) { return store_->put(key, std::vector<std::byte>(5000), {}); }

    std::vector<std::string> keys() {
        std::vector<std::string> found;
        const auto take = [&](auto page) {
            for (const auto& object : page) found.push_back(object.key);
            return true;
        };
        EXPECT_TRUE(store_->list("", "", take, {}));
        return found;
    }

    std::string root_;
    std::unique_ptr<ObjectStore> store_;
};

TEST_F(VolumeStoreTest, WhatADeadWriterLeftIsNoObject) {
    ASSERT_TRUE(put("a/k"));
    std::ofstream(root_ + "/a/.n4b-unfinished-0000-1") << "half";
    std::filesystem::create_directory(root_ + "/lost+found");
    std::ofstream(root_ + "/lost+found/x") << "foreign";
    EXPECT_THAT(keys(), ElementsAre("a/k"));
    EXPECT_EQ(store_->stat("a/.n4b-unfinished-0000-1", {}).error().code, ErrorCode::kInvalid);
}

TEST_F(VolumeStoreTest, RemovesWhatIsNoObject) {
    for (const auto* key : {"c/1/run/blocks/1", "c/1/run/intent", "c/1/other/blocks/1", "c/2/run/blocks/1"}) {
        ASSERT_TRUE(put(key));
    }
    const auto half = [&](const std::string& name) { std::ofstream(root_ + name + ".n4b-unfinished-0-1") << "half"; };
    half("/c/1/run/blocks/");
    half("/c/1/run/blocks/deeper");  // Not so named: of somebody else.
    half("/c/1/other/blocks/");
    std::filesystem::create_directories(root_ + "/c/1/run/empty/er");
    EXPECT_EQ(store_->remove_unfinished("c/1/run/", {}).value(), 4);
    EXPECT_FALSE(std::filesystem::exists(root_ + "/c/1/run/empty"));
    EXPECT_THAT(keys(), ElementsAre("c/1/other/blocks/1", "c/1/run/blocks/1",
                                    "c/1/run/blocks/deeper.n4b-unfinished-0-1", "c/1/run/intent", "c/2/run/blocks/1"));
    EXPECT_TRUE(std::filesystem::exists(root_ + "/c/1/other/blocks/.n4b-unfinished-0-1")) << "somebody writes it";
    EXPECT_EQ(store_->remove_unfinished("c/none/", {}).value(), 0);

    ASSERT_TRUE(store_->remove("c/2/run/blocks/1", {}));
    ASSERT_TRUE(store_->remove_empty("c/2/run/blocks/", "c/", {}));
    EXPECT_FALSE(std::filesystem::exists(root_ + "/c/2"));
    ASSERT_TRUE(store_->remove_empty("c/2/run/blocks/", "c/", {})) << "again";
    ASSERT_TRUE(store_->remove_empty("c/1/run/", "c/", {}));
    EXPECT_EQ(keys().size(), 4U);
    EXPECT_TRUE(std::filesystem::exists(root_ + "/c"));
}

TEST_F(VolumeStoreTest, WritersAreNotDisturbedByWhoRemovesEmptyDirectories) {
    for (int i = 0; i < 50 && !HasFailure(); ++i) {
        // Each clean-up removes a directory once. More of them at once than there ever are, and fewer than a writer's
        // tries.
        const std::jthread remover([&] {
            for (int times = 0; times < 30; ++times) EXPECT_TRUE(store_->remove_empty("c/1/blocks/", "c/", {}));
        });
        const auto created = store_->create("c/1/blocks/k", {}, {});
        EXPECT_TRUE(created) << created.error().message;
        EXPECT_TRUE(store_->stat("c/1/blocks/k", {}));
        EXPECT_TRUE(store_->remove("c/1/blocks/k", {}));
    }
}

TEST_F(VolumeStoreTest, AFailedWriteLeavesNothing) {
    using Calls = std::vector<std::pair<long, int>>;
    const std::vector<std::pair<Calls, Reason>> cases{{{{SYS_write, ENOSPC}}, Reason::kStorageFull},
                                                      {{{SYS_fsync, EIO}}, Reason::kStorageUnavailable},
                                                      {kNoRenames, Reason::kStorageReadOnly}};
    for (const auto& [calls, reason] : cases) {
        const auto code = with_failing_calls(calls, [&, expected = reason] {
            const auto done = put("k");
            return !done && done.error().reason == expected ? 2 : 1;
        });
        EXPECT_EQ(code, 2) << base::to_string(reason);
        EXPECT_TRUE(std::filesystem::is_empty(root_)) << base::to_string(reason);
    }
}

/// Memory that starts at a page, or a few bytes behind one.
struct Aligned {
    explicit Aligned(std::size_t size, std::size_t shift = 0)
        : memory(size + 2 * kPage), bytes(std::span(memory).subspan(begin() + shift, size)) {
        for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 7 + i / 4096);
    }
    static constexpr std::size_t kPage = 4096;
    [[nodiscard]] std::size_t begin() const {
        return (kPage - reinterpret_cast<std::uintptr_t>(memory.data()) % kPage) % kPage;
    }
    std::vector<std::byte> memory;
    std::span<std::byte> bytes;
};

TEST_F(VolumeStoreTest, KeepsBlocksOfAnyLengthAndPlaceInMemory) {
    const auto keep = [&] {
        int wrong = 0;
        for (const std::size_t size : {0U, 1U, 4'095U, 4'096U, 300'000U, 1'048'576U, 2'097'152U, 2'100'001U}) {
            for (const std::size_t shift : {0U, 16U}) {
                const Aligned block(size, shift);
                const auto batch = store_->begin_batch();
                const bool put = batch->put("a/k", {.bytes = block.bytes}, {}) && batch->settle({});
                Aligned read(size + 1, shift);
                const auto all = store_->get("a/k", 0, read.bytes, {});
                const bool same = all && *all == size && std::ranges::equal(read.bytes.first(size), block.bytes);
                Aligned tail(size - size / 2);
                const auto rest = store_->get("a/k", static_cast<std::int64_t>(size / 2), tail.bytes, {});
                const bool half = rest && std::ranges::equal(tail.bytes, block.bytes.subspan(size / 2));
                wrong += put && same && half ? 0 : 1;
            }
        }
        return wrong;
    };
    EXPECT_EQ(keep(), 0);
    EXPECT_EQ(with_failing_calls({{SYS_fcntl, EINVAL}}, keep), 0) << "a file system that knows nothing but its cache";
}

TEST_F(VolumeStoreTest, ABatchThatIsGivenUpLeavesNothing) {
    for (const bool fails : {false, true}) {
        const auto code = with_failing_calls(fails ? kNoRenames : std::vector<std::pair<long, int>>{}, [&] {
            const auto batch = store_->begin_batch();
            for (int i = 0; i < 3; ++i) {
                if (!batch->put("k" + std::to_string(i), {.bytes = std::vector<std::byte>(10)}, {})) return 1;
            }
            return !fails || !batch->settle({}) ? 2 : 3;
        });
        EXPECT_EQ(code, 2);
        EXPECT_TRUE(std::filesystem::is_empty(root_)) << fails;
    }
}

TEST_F(VolumeStoreTest, CreateIsExclusiveWithoutHardLinksToo) {
    const auto code = with_failing_calls(kNoLinks, [&] {
        const auto first = store_->create("k", {}, {});
        const auto second = store_->create("k", std::vector<std::byte>(1), {});
        return first && second && *first == Creation::kCreated && *second == Creation::kTaken ? 2 : 1;
    });
    EXPECT_EQ(code, 2);
    EXPECT_EQ(store_->stat("k", {})->bytes, 0);
    EXPECT_THAT(keys(), ElementsAre("k"));
}

TEST_F(VolumeStoreTest, ADirectoryOrALinkIsNoObject) {
    ASSERT_TRUE(put("a/k"));
    std::filesystem::create_symlink(root_ + "/a/k", root_ + "/link");
    std::vector<std::byte> room(1);
    EXPECT_EQ(store_->stat("a", {}).error().code, ErrorCode::kNotFound);
    EXPECT_EQ(store_->stat("link", {}).error().code, ErrorCode::kNotFound);
    EXPECT_FALSE(store_->get("link", 0, room, {}));
    ASSERT_EQ(::mkfifo((root_ + "/pipe").c_str(), 0600), 0);
    for (const auto& [name, found] : {std::pair("pipe", "no file"), std::pair("a", "a directory")}) {
        const auto read = store_->get(name, 0, room, {});
        ASSERT_FALSE(read);
        EXPECT_EQ(read.error().reason, Reason::kArtifactDamaged);
        EXPECT_EQ(read.error().message, root_ + "/" + name + ": found " + found + ", expected a file");
    }
}

TEST_F(VolumeStoreTest, ListsADirectoryOfAnySizeInOrder) {
    constexpr int kFiles = 21'000;  // More than are held at once, twice.
    std::filesystem::create_directories(root_ + "/d/e");
    ASSERT_TRUE(put("d/e/k"));
    for (int i = 0; i < kFiles; ++i) std::ofstream(root_ + "/d/" + std::to_string(100'000 + i)).flush();
    std::vector<std::string> listed;
    ASSERT_TRUE(store_->list("d/", "d/100004",
                             [&](std::span<const ObjectInfo> page) {
                                 for (const auto& object : page) listed.push_back(object.key);
                                 return true;
                             },
                             {}));
    EXPECT_EQ(listed.size(), kFiles - 5 + 1U);
    EXPECT_TRUE(std::is_sorted(listed.begin(), listed.end()));
    EXPECT_EQ(listed.front(), "d/100005");
    EXPECT_EQ(listed.back(), "d/e/k");
}

TEST_F(VolumeStoreTest, ALinkHidesNothingWithoutAWord) {
    ASSERT_TRUE(put("a/k"));
    std::filesystem::create_symlink(root_ + "/a/k", root_ + "/link");
    std::filesystem::create_directory_symlink(root_ + "/a", root_ + "/linked");
    EXPECT_THAT(keys(), ElementsAre("a/k", "link", "linked")) << "who reads one is told that it can't be read";
    const auto take = [](std::span<const ObjectInfo>) { return true; };
    EXPECT_TRUE(store_->list("a/", "", take, {}));
    const auto behind = store_->list("linked/", "", take, {});
    ASSERT_FALSE(behind);
    EXPECT_EQ(behind.error().reason, Reason::kStorageUnavailable);
    EXPECT_THAT(behind.error().message, ::testing::HasSubstr(root_ + "/linked"));
}

TEST_F(VolumeStoreTest, TellsItsSpace) {
    const auto space = store_->space({});
    ASSERT_TRUE(space);
    ASSERT_TRUE(*space);
    EXPECT_GT((*space)->available, 0);
    EXPECT_LE((*space)->available, (*space)->total);
}

TEST_F(VolumeStoreTest, ADirectoryThatIsNotThereIsNoStore) {
    const auto store = open_volume_store(root_ + "/nothing");
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().reason, Reason::kStorageUnavailable);
}

}  // namespace
}  // namespace n4b::object_store
