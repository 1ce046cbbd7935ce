#include <gtest/gtest.h>

#include <random>

#include "backup-runner/blocks/artifact_reader.hpp"
#include "backup-runner/blocks/artifact_writer.hpp"
#include "backup-runner/blocks/read_ahead.hpp"
#include "tests/support/counted_memory.hpp"
#include "tests/support/example_head.hpp"
#include "tests/support/memory_store.hpp"

namespace n4b::blocks {
namespace {

using namespace std::chrono_literals;
using testing::CountedMemory;
using testing::MemoryStore;

constexpr std::size_t kBlockBytes = 256 * 1024;
constexpr std::int64_t kSlack = 1024 * 1024;  ///< Queue and lines of the index, extents, what threads need.

class Ignoring final : public ContentReceiver {
public:
    base::Result<void> open(std::int64_t /*number*/, const std::optional<std::string>& /*path*/,
                            std::int64_t /*bytes*/) override {
        return {};
    }
    base::Result<void> data(std::int64_t /*number*/, std::span<const std::byte> bytes) override {
        read += static_cast<std::int64_t>(bytes.size());
        return {};
    }
    base::Result<void> done(std::int64_t /*number*/) override { return {}; }
    std::int64_t read = 0;
};

TEST(Memory, IsBoundByThePoolWhateverIsWritten) {
    std::mt19937_64 random(1);
    std::vector<std::byte> piece(64 * 1024);
    for (auto& byte : piece) byte = static_cast<std::byte>(random());
    MemoryStore store({.put_takes = 1ms, .forgets = true});
    CountedMemory::reset_peak();
    const auto before = CountedMemory::live();
    const WriterOptions options{
        .block_bytes = kBlockBytes, .blocks = 4, .streams = 2, .threads = 3, .encoding = format::Encoding::kNone};
    const auto writer = ArtifactWriter::create(store, "b/", options, {}).value();
    const auto log = writer->open_log().value();
    const auto stream = writer->open_stream().value();
    ASSERT_TRUE(log->open(std::nullopt));
    for (int file = 0; file < 100; ++file) {
        ASSERT_TRUE(stream->open("f" + std::to_string(file)));
        for (int i = 0; i < 16; ++i) ASSERT_TRUE(stream->write(piece));
        ASSERT_TRUE(stream->done());
        ASSERT_TRUE(log->write(piece));
    }
    ASSERT_TRUE(log->done() && log->flush() && stream->flush());
    ASSERT_TRUE(writer->finish());
    constexpr auto kBlocks = static_cast<std::int64_t>((4 + 2 + 1) * kBlockBytes);
    EXPECT_LE(CountedMemory::peak() - before, kBlocks + kSlack) << "of 106 MB";
    EXPECT_GE(CountedMemory::peak() - before, static_cast<std::int64_t>(4 * kBlockBytes)) << "nothing was counted";
}

TEST(Memory, OfAReaderIsAFewBlocks) {
    MemoryStore store;
    const auto writer =
        ArtifactWriter::create(store, "b/", {.block_bytes = kBlockBytes, .blocks = 2, .streams = 1}, {}).value();
    const auto stream = writer->open_stream().value();
    std::mt19937_64 random(1);
    std::vector<std::byte> piece(64 * 1024);
    for (int file = 0; file < 200; ++file) {
        for (auto& byte : piece) byte = static_cast<std::byte>(random() % 16);
        ASSERT_TRUE(stream->open("f" + std::to_string(file)));
        ASSERT_TRUE(stream->write(piece));
        ASSERT_TRUE(stream->done());
    }
    ASSERT_TRUE(stream->flush());
    const auto totals = writer->finish().value();
    auto head = testing::example_head();
    head.counts = totals.counts;
    head.index = totals.index;
    head.block_bytes = kBlockBytes;
    CountedMemory::reset_peak();
    const auto before = CountedMemory::live();
    Ignoring receiver;
    ArtifactReader reader({.store = store, .prefix = "b/", .head = head});
    ASSERT_TRUE(reader.read_all(receiver, {}));
    EXPECT_EQ(receiver.read, 200 * 64 * 1024);
    // The index takes one more.
    const auto blocks = static_cast<std::int64_t>((blocks_in_memory(kBlockBytes) + 1) * kBlockBytes);
    EXPECT_LE(CountedMemory::peak() - before, blocks + kSlack) << "of 13 MB";
}

}  // namespace
}  // namespace n4b::blocks
