#include <gtest/gtest.h>

#include <memory>

#include "backup-runner/blocks/artifact_reader.hpp"
#include "backup-runner/blocks/artifact_writer.hpp"
#include "tests/support/content_collector.hpp"
#include "tests/support/example_head.hpp"
#include "tests/support/memory_store.hpp"

namespace n4b::blocks {
namespace {

using testing::ContentCollector;
using testing::MemoryStore;

using Bytes = std::vector<std::byte>;

constexpr char kPrefix[] = "b/";
constexpr std::size_t kBlockBytes = 4096;

/// Three small files and a try that broke.
format::Head write_small(MemoryStore& store, format::Encoding encoding) {
    const auto writer =
        ArtifactWriter::create(
            store, kPrefix, {.block_bytes = kBlockBytes, .blocks = 2, .streams = 1, .threads = 1, .encoding = encoding},
            {})
            .value();
    const auto stream = writer->open_stream().value();
    for (int i = 0; i < 3; ++i) {
        EXPECT_TRUE(stream->open("f" + std::to_string(i)));
        EXPECT_TRUE(stream->write(Bytes(i == 0 ? 0 : 150, static_cast<std::byte>(i))));
        EXPECT_TRUE(stream->done());
    }
    EXPECT_TRUE(stream->open("broken"));
    EXPECT_TRUE(stream->write(Bytes(40, std::byte{9})));
    EXPECT_TRUE(stream->abandon());
    EXPECT_TRUE(stream->flush());
    const auto totals = writer->finish().value();
    auto head = testing::example_head();
    head.counts = totals.counts;
    head.index = totals.index;
    head.block_bytes = kBlockBytes;
    return head;
}

base::Result<void> read_back(MemoryStore& store, const format::Head& head) {
    ContentCollector collector;
    return ArtifactReader({.store = store, .prefix = kPrefix, .head = head}).read_all(collector, {});
}

TEST(Damage, OfAnyStoredByteIsFound) {
    for (const auto encoding : {format::Encoding::kNone, format::Encoding::kZstd}) {
        MemoryStore store;
        const auto head = write_small(store, encoding);
        ASSERT_TRUE(read_back(store, head));
        std::size_t checked = 0;
        for (const auto& [key, bytes] : store.objects()) {
            for (std::size_t i = 0; i < bytes.size(); ++i, ++checked) {
                store.damage(key, i);
                const auto read = read_back(store, head);
                ASSERT_FALSE(read) << key << " at " << i;
                ASSERT_EQ(read.error().reason, base::Reason::kArtifactDamaged) << read.error().message;
                store.damage(key, i);
            }
        }
        EXPECT_GT(checked, 300U);
        EXPECT_TRUE(read_back(store, head));
    }
}

TEST(Damage, OfABlockThatIsMissingOrCutShortIsFound) {
    MemoryStore store;
    const auto head = write_small(store, format::Encoding::kZstd);
    for (const auto& [key, bytes] : store.objects()) {
        ASSERT_TRUE(store.put(key, std::span(bytes).first(bytes.size() - 1), {}));
        EXPECT_EQ(read_back(store, head).error().reason, base::Reason::kArtifactDamaged) << key;
        ASSERT_TRUE(store.remove(key, {}));
        EXPECT_EQ(read_back(store, head).error().reason, base::Reason::kArtifactDamaged) << key;
        ASSERT_TRUE(store.put(key, bytes, {}));
    }
    EXPECT_TRUE(read_back(store, head));
}

/// An artifact whose index says what a test wants, under digests that fit: a writer with a bug.
class IndexOf {
public:
    explicit IndexOf(const std::vector<format::IndexLine>& lines) {
        const auto batch = store_.begin_batch();
        BlockPlace place{.batch = *batch, .prefix = kPrefix};
        EXPECT_TRUE(store_.put(place.key(0), kBlock, {}));
        place.next_number = 1;
        IndexWriter index(place, kBlockBytes);
        for (const auto& line : lines) EXPECT_TRUE(index.add(line));
        head_.index = index.finish().value();
        EXPECT_TRUE(batch->settle({}));
        head_.block_bytes = kBlockBytes;
        head_.counts.tries = 2;
    }
    std::string read() {
        const auto result = read_back(store_, head_);
        if (result) return "";
        EXPECT_EQ(result.error().reason, base::Reason::kArtifactDamaged);
        return result.error().message;
    }

    static const Bytes kBlock;

private:
    MemoryStore store_{};
    format::Head head_ = testing::example_head();
};
const Bytes IndexOf::kBlock(100, std::byte{7});

TEST(Damage, OfAnIndexThatContradictsItselfIsFound) {
    using format::DoneLine;
    using format::Extent;
    using format::OpenLine;
    const OpenLine open{.number = 1, .path = "a"};
    const auto block = digest_of_block(0, IndexOf::kBlock);
    const Extent head{.number = 1, .plain_length = 60, .stored_length = 60};
    const Extent tail{.number = 1, .plain_offset = 60, .plain_length = 40, .block_offset = 60, .stored_length = 40};
    const DoneLine done{.number = 1, .bytes = 100};
    EXPECT_EQ(IndexOf({open, block, head, tail, done}).read(), "");
    EXPECT_EQ(IndexOf({done, open, block, head, tail}).read(), "") << "done may come first";

    const auto changed = [](auto line, auto change) {
        change(line);
        return line;
    };
    EXPECT_NE(IndexOf({block, head, tail, done}).read(), "") << "never opened";
    EXPECT_NE(IndexOf({open, open, block, head, tail, done}).read(), "");
    EXPECT_NE(IndexOf({open, block, head, tail, done, done}).read(), "");
    EXPECT_NE(IndexOf({open, head, tail, done}).read(), "") << "no block";
    EXPECT_NE(IndexOf({open, block, head, done}).read(), "") << "its end is missing";
    EXPECT_NE(IndexOf({open, block, tail, head, done}).read(), "") << "another order";
    EXPECT_NE(IndexOf({open, block, head, DoneLine{.number = 1, .bytes = 60}}).read(), "") << "bytes of nobody";
    EXPECT_NE(IndexOf({open, block, head, head, done}).read(), "");
    EXPECT_NE(IndexOf({open, done}).read(), "") << "nothing of it";
    EXPECT_NE(IndexOf({open, block, head, tail, DoneLine{.number = 1, .bytes = 99}}).read(), "");
    EXPECT_NE(IndexOf({open, block, head, tail, DoneLine{.number = 1, .bytes = 101}}).read(), "");
    EXPECT_NE(IndexOf({open, block, head, tail, DoneLine{.number = 3, .bytes = 100}}).read(), "") << "beyond the tries";
    EXPECT_NE(IndexOf({OpenLine{.number = 3, .path = "a"}, block, head, tail}).read(), "");
    EXPECT_NE(IndexOf({open, changed(block, [](auto& b) { ++b.bytes; }), head, tail, done}).read(), "");
    EXPECT_NE(IndexOf({open, changed(block, [](auto& b) { b.bytes = 1 << 20; }), head, tail, done}).read(), "");
    EXPECT_NE(IndexOf({open, changed(block, [](auto& b) { b.number = 9; }), head, tail, done}).read(), "");
    EXPECT_NE(IndexOf({open, block, head, changed(tail, [](auto& e) { ++e.plain_offset; }), done}).read(), "");
    EXPECT_NE(
        IndexOf({open, block, head, changed(tail, [](auto& e) { e.plain_length = ++e.stored_length; }), done}).read(),
        "");
    EXPECT_NE(IndexOf({open, block, changed(head, [](auto& e) { e.xxh3 = 1; }), tail, done}).read(), "") << "not zstd";
}

TEST(Damage, OfAnIndexWhoseLastLineIsCutShortIsFound) {
    MemoryStore store;
    format::ExtentEncoder encoder(format::Encoding::kZstd);
    Bytes buffer(kBlockBytes);
    encoder.begin_block(buffer);
    const std::string text = R"({"done":{"try":1,"byt)";
    ASSERT_TRUE(encoder.append(std::as_bytes(std::span(text))));
    ASSERT_TRUE(encoder.end_extent());
    buffer.resize(encoder.filled());
    ASSERT_TRUE(store.put(std::string(kPrefix) + "00000000", buffer, {}));
    auto head = testing::example_head();
    head.index = {digest_of_block(0, buffer)};
    head.block_bytes = kBlockBytes;
    EXPECT_EQ(read_back(store, head).error().message, "index: its last line is cut short");
}

}  // namespace
}  // namespace n4b::blocks
