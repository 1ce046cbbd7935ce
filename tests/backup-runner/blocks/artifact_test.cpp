#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <random>
#include <thread>

#include "backup-runner/blocks/artifact_reader.hpp"
#include "backup-runner/blocks/artifact_writer.hpp"
#include "backup-runner/object_store/forwarding_store.hpp"
#include "tests/support/content_collector.hpp"
#include "tests/support/example_head.hpp"
#include "tests/support/memory_store.hpp"

namespace n4b::blocks {
namespace {

using testing::ContentCollector;
using testing::MemoryStore;

using Bytes = std::vector<std::byte>;
using Files = std::map<std::string, Bytes>;

constexpr char kPrefix[] = "prod/graph.db/chains/c/a/blocks/";

/// Between noise and endless repetition.
Bytes random_bytes(std::mt19937_64& random, std::size_t size) {
    Bytes bytes(size);
    const bool noise = random() % 3 == 0;
    const unsigned letters = noise ? 256 : 1U << random() % 9;
    const std::size_t run = noise ? 1 : 1 + random() % 300;
    for (std::size_t i = 0; i < size; i += run) {
        std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(i), std::min(run, size - i),
                    static_cast<std::byte>(random() % letters));
    }
    return bytes;
}

/// Writes files one after the other, some of them after a try that broke.
base::Result<void> write_files(BlockStream& stream, const Files& files, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    for (const auto& [path, contents] : files) {
        const std::optional<std::string> name = path == ContentCollector::kLog ? std::nullopt : std::optional(path);
        if (name && random() % 4 == 0) {
            N4B_TRY_VOID(stream.open(name));
            N4B_TRY_VOID(stream.write(std::span(contents).first(random() % (contents.size() + 1))));
            N4B_TRY_VOID(stream.abandon());
        }
        N4B_TRY_VOID(stream.open(name));
        for (std::span<const std::byte> left(contents); !left.empty();) {
            const auto piece = left.first(std::min<std::size_t>(left.size(), 1 + random() % 100'000));
            N4B_TRY_VOID(stream.write(piece));
            left = left.subspan(piece.size());
        }
        N4B_TRY_VOID(stream.done());
    }
    return stream.flush();
}

struct Written {
    format::Head head = testing::example_head();
    Files files{};
};

/// An artifact of as many streams as files are given, and a log, all written at once.
Written write_artifact(MemoryStore& store, const WriterOptions& options, std::vector<Files> streams, const Files& log,
                       std::uint64_t seed) {
    const auto writer = ArtifactWriter::create(store, kPrefix, options, {}).value();
    std::vector<std::unique_ptr<BlockStream>> open;
    for (std::size_t i = 0; i < streams.size(); ++i) open.push_back(writer->open_stream().value());
    open.push_back(writer->open_log().value());
    streams.push_back(log);
    {
        std::vector<std::jthread> threads;
        for (std::size_t i = 0; i < open.size(); ++i) {
            threads.emplace_back([&, i] {
                const auto written = write_files(*open[i], streams[i], seed + i);
                EXPECT_TRUE(written) << written.error().message;
            });
        }
    }
    const auto totals = writer->finish();
    EXPECT_TRUE(totals) << totals.error().message;
    Written result;
    result.head.counts = totals->counts;
    result.head.index = totals->index;
    result.head.block_bytes = static_cast<std::int64_t>(options.block_bytes);
    for (const auto& files : streams) result.files.insert(files.begin(), files.end());
    return result;
}

void expect_readable(MemoryStore& store, const Written& written) {
    ArtifactReader reader({.store = store, .prefix = kPrefix, .head = written.head});
    ContentCollector collector;
    const auto read = reader.read_all(collector, {});
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(collector.files(), written.files);
}

TEST(Artifact, GivesBackWhatWasWritten) {
    const auto seed = std::random_device{}();
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    std::mt19937_64 random(seed);
    for (int round = 0; round < 12; ++round) {
        const WriterOptions options{.block_bytes = std::size_t{8192} << random() % 8,
                                    .blocks = 3 + random() % 3,
                                    .streams = 3,
                                    .threads = 1 + random() % 4,
                                    .encoding = random() % 2 == 0 ? format::Encoding::kNone : format::Encoding::kZstd};
        std::vector<Files> streams(1 + random() % 3);
        for (std::size_t stream = 0; stream < streams.size(); ++stream) {
            for (auto left = random() % 20; left > 0; --left) {
                const auto size = random() % 8 == 0 ? 0 : random() % (std::size_t{1} << (6 + random() % 14));
                streams[stream][std::to_string(stream) + "/" + std::to_string(left)] = random_bytes(random, size);
            }
        }
        const Files log{{ContentCollector::kLog, random_bytes(random, random() % 500'000)}};
        MemoryStore store({.put_takes = std::chrono::milliseconds(random() % 3)});
        const auto written = write_artifact(store, options, streams, log, seed + 100);
        ASSERT_NO_FATAL_FAILURE(expect_readable(store, written)) << "round " << round;

        EXPECT_EQ(store.overwritten(), 0);
        std::int64_t bytes = 0;
        for (const auto& [key, contents] : store.objects()) {
            EXPECT_LE(contents.size(), options.block_bytes);
            bytes += static_cast<std::int64_t>(contents.size());
        }
        EXPECT_EQ(written.head.counts.stored_bytes, bytes);
        EXPECT_EQ(written.head.counts.blocks, static_cast<std::int64_t>(store.objects().size()));
    }
}

TEST(Artifact, ReadsOneFileFromItsOwnBlocksAlone) {
    std::mt19937_64 random(5);
    Files files;
    for (int i = 0; i < 20; ++i) files["f" + std::to_string(i)] = random_bytes(random, 100'000);
    MemoryStore store;
    const WriterOptions options{
        .block_bytes = 64 * 1024, .blocks = 2, .streams = 1, .encoding = format::Encoding::kNone};
    const auto written = write_artifact(store, options, {files}, {{ContentCollector::kLog, Bytes(10)}}, 9);
    ArtifactReader reader({.store = store, .prefix = kPrefix, .head = written.head});
    const auto before = store.gets();
    Bytes read;
    const auto sink = [&](std::span<const std::byte> bytes) {
        read.insert(read.end(), bytes.begin(), bytes.end());
        return base::Result<void>{};
    };
    ASSERT_TRUE(reader.read_one("f7", sink, {}));
    EXPECT_EQ(read, files["f7"]);
    EXPECT_LE(store.gets() - before, 2 * static_cast<std::int64_t>(written.head.index.size()) + 3);
    read.clear();
    ASSERT_TRUE(reader.read_one(std::nullopt, sink, {}));
    EXPECT_EQ(read, Bytes(10));
    const auto missing = reader.read_one("f20", sink, {});
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, base::ErrorCode::kNotFound);
}

/// Holds the first bytes back until the store has been asked for `gets` objects.
class SlowReceiver final : public ContentReceiver {
public:
    SlowReceiver(const MemoryStore& store, std::int64_t gets) : store_(store), gets_(gets) {}
    base::Result<void> open(std::int64_t /*number*/, const std::optional<std::string>& /*path*/,
                            std::int64_t /*bytes*/) override {
        return {};
    }
    base::Result<void> data(std::int64_t /*number*/, std::span<const std::byte> /*bytes*/) override {
        const auto limit = base::Deadline::after(std::chrono::seconds(10));
        while (store_.gets() < gets_ && !limit.passed()) std::this_thread::yield();
        return store_.gets() < gets_ ? base::fail(base::ErrorCode::kDeadline, "nothing is read ahead")
                                     : base::Result<void>{};
    }
    base::Result<void> done(std::int64_t /*number*/) override { return {}; }

private:
    const MemoryStore& store_;
    const std::int64_t gets_;
};

TEST(Artifact, IsReadAheadOfWhatIsUsed) {
    MemoryStore store;
    const WriterOptions options{
        .block_bytes = 16 * 1024, .blocks = 2, .streams = 1, .encoding = format::Encoding::kNone};
    const auto written = write_artifact(store, options, {{{"f", Bytes(8 * 16 * 1024)}}}, {}, 1);
    ASSERT_EQ(written.head.index.size(), 1U);
    constexpr std::int64_t kIndexTwiceAndItsBlocks = 2 + 4;
    SlowReceiver receiver(store, kIndexTwiceAndItsBlocks);
    const auto read = ArtifactReader({.store = store, .prefix = kPrefix, .head = written.head}).read_all(receiver, {});
    EXPECT_TRUE(read) << read.error().message;
}

/// Answers the first request for a block only when so many later ones are answered.
class LateFirstBlock final : public object_store::ForwardingStore {
public:
    LateFirstBlock(object_store::ObjectStore& inner, std::string index, int others)
        : ForwardingStore(inner), index_(std::move(index)), others_(others) {}

    base::Result<std::size_t> get(std::string_view key, std::int64_t offset, std::span<std::byte> into,
                                  const object_store::Call& call) override {
        if (key == index_) return inner_.get(key, offset, into, call);
        std::unique_lock lock(mutex_);
        if (++asked_ == 1) {
            const bool in_time =
                changed_.wait_for(lock, std::chrono::seconds(30), [&] { return answered_ >= others_; });
            if (!in_time) return base::fail(base::ErrorCode::kDeadline, "too few blocks are asked for at once");
        }
        lock.unlock();
        auto got = inner_.get(key, offset, into, call);
        lock.lock();
        ++answered_;
        changed_.notify_all();
        return got;
    }

private:
    const std::string index_;
    const int others_;
    std::mutex mutex_{};  ///< Guards all below.
    std::condition_variable changed_{};
    int asked_ = 0;
    int answered_ = 0;
};

/// One file in 15 blocks of noise, and an index of one.
class ReadAtOnce : public ::testing::Test {
protected:
    static constexpr std::size_t kBlocks = 8;

    ReadAtOnce() {
        std::mt19937_64 random(3);
        Bytes noise(15 * 16 * 1024);
        for (auto& byte : noise) byte = static_cast<std::byte>(random());
        written_ = write_artifact(
            store_, {.block_bytes = 16 * 1024, .blocks = 2, .streams = 1, .encoding = format::Encoding::kNone},
            {{{"f", noise}}}, {}, 1);
    }
    [[nodiscard]] std::string key_of(std::int64_t block) const { return kPrefix + format::block_name(block); }
    base::Result<void> read(object_store::ObjectStore& store) {
        return ArtifactReader({.store = store, .prefix = kPrefix, .head = written_.head}, kBlocks)
            .read_all(collector_, {});
    }

    MemoryStore store_{};
    Written written_{};
    ContentCollector collector_{};
};

TEST_F(ReadAtOnce, AsManyBlocksAsMayBeWhateverTheOrderOfTheAnswers) {
    LateFirstBlock late(store_, key_of(written_.head.index.at(0).number), kBlocks - 1);
    const auto done = read(late);
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_EQ(collector_.files(), written_.files);
}

TEST_F(ReadAtOnce, ADamagedBlockAmongThemEndsTheFile) {
    const auto index = written_.head.index.at(0).number;
    for (std::int64_t block = 0; block < written_.head.counts.blocks; ++block) {
        if (block == index || !store_.objects().contains(key_of(block))) continue;
        store_.damage(key_of(block), 17);
        collector_ = {};
        const auto done = read(store_);
        ASSERT_FALSE(done) << block;
        EXPECT_EQ(done.error().reason, base::Reason::kArtifactDamaged) << done.error().message;
        EXPECT_FALSE(collector_.files().contains("f")) << block;
        store_.damage(key_of(block), 17);
    }
    collector_ = {};
    EXPECT_TRUE(read(store_));
}

TEST(Artifact, TellsTheTransactionsOfItsLogInTheirOrder) {
    MemoryStore store;
    const auto writer =
        ArtifactWriter::create(store, kPrefix, {.block_bytes = 16 * 1024, .blocks = 2, .streams = 1}, {}).value();
    std::vector<format::TransactionGroup> groups;
    std::mt19937_64 random(1);
    for (std::int64_t i = 0; i < 300; ++i) {
        format::TransactionGroup group{.first = i * 1000, .offset = i * 7, .latest_time_ms = i};
        for (int k = 0; k < 1000; ++k) group.lengths.push_back(static_cast<std::int64_t>(1 + random() % 100'000));
        groups.push_back(group);
        ASSERT_TRUE(writer->add_transactions(group));
    }
    auto head = testing::example_head();
    const auto totals = writer->finish();
    ASSERT_TRUE(totals) << totals.error().message;
    head.index = totals->index;
    head.block_bytes = 16 * 1024;
    EXPECT_GT(head.index.size(), 10U) << "lines go on from one block to the next";
    ArtifactReader reader({.store = store, .prefix = kPrefix, .head = head});
    std::vector<format::TransactionGroup> read;
    ASSERT_TRUE(reader.read_transactions(
        [&](const format::TransactionGroup& group) {
            read.push_back(group);
            return base::Result<void>{};
        },
        {}));
    EXPECT_EQ(read, groups);
}

}  // namespace
}  // namespace n4b::blocks
