#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <random>
#include <thread>

#include "backup-runner/blocks/artifact_writer.hpp"
#include "tests/support/memory_store.hpp"

namespace n4b::blocks {
namespace {

using namespace std::chrono_literals;
using base::Deadline;
using base::ErrorCode;
using base::Reason;
using testing::MemoryStore;

using Bytes = std::vector<std::byte>;

constexpr std::size_t kBlockBytes = 64 * 1024;

Bytes noise(std::size_t size) {
    std::mt19937_64 random(1);
    Bytes bytes(size);
    for (auto& byte : bytes) byte = static_cast<std::byte>(random());
    return bytes;
}

WriterOptions plain(std::size_t blocks, std::size_t threads) {
    return {.block_bytes = kBlockBytes,
            .blocks = blocks,
            .streams = 2,
            .threads = threads,
            .encoding = format::Encoding::kNone};
}

TEST(Storing, OfThousandsOfSmallFilesTakesAHandfulOfPuts) {
    MemoryStore store;
    const auto writer =
        ArtifactWriter::create(store, "b/", {.block_bytes = 1024 * 1024, .blocks = 8, .streams = 1}, {}).value();
    const auto stream = writer->open_stream().value();
    const auto file = noise(4096);
    for (int i = 0; i < 2'000; ++i) {
        ASSERT_TRUE(stream->open("schema/index/" + std::to_string(i)));
        ASSERT_TRUE(stream->write(file));
        ASSERT_TRUE(stream->done());
    }
    ASSERT_TRUE(stream->flush());
    const auto totals = writer->finish();
    ASSERT_TRUE(totals) << totals.error().message;
    EXPECT_EQ(totals->counts.files, 2'000);
    EXPECT_LE(store.puts(), 10) << "8 MB in blocks of 1 MiB, and the index";
    EXPECT_EQ(store.wrong_digests(), 0) << "the storage is given each block's own digest";
    EXPECT_EQ(static_cast<std::int64_t>(store.objects().size()), store.puts()) << "all are settled";
}

TEST(Storing, SlowlyHoldsNobodyUpBeforeThePoolIsEmpty) {
    constexpr std::size_t kBlocks = 6;
    MemoryStore store;
    std::promise<void> full;
    const auto released = full.get_future().share();
    std::atomic<bool> held_up = false;
    store.on_put = [&](std::size_t) { held_up = released.wait_for(10s) == std::future_status::timeout || held_up; };
    const auto writer = ArtifactWriter::create(store, "b/", plain(kBlocks, 1), {}).value();
    const auto stream = writer->open_stream().value();
    ASSERT_TRUE(stream->open("big"));
    const auto block = noise(kBlockBytes);
    for (std::size_t i = 0; i < kBlocks; ++i) ASSERT_TRUE(stream->write(block));
    EXPECT_FALSE(held_up) << "as much as the pool holds goes in at once";
    auto more = std::async(std::launch::async, [&] { return stream->write(std::span(block).first(1)).has_value(); });
    EXPECT_EQ(more.wait_for(100ms), std::future_status::timeout) << "more has to wait for a PUT";
    full.set_value();
    EXPECT_TRUE(more.get());
    ASSERT_TRUE(stream->done());
    ASSERT_TRUE(stream->flush());
    EXPECT_TRUE(writer->finish());
}

TEST(Storing, UsesItsThreadsAtOnce) {
    MemoryStore store;
    std::atomic<bool> together = false;
    store.on_put = [&](std::size_t) {
        // Each waits for the others: what stores one after the other never sees four.
        const auto limit = Deadline::after(10s);
        while (!together && !limit.passed()) {
            if (store.active_puts() == 4) together = true;
            std::this_thread::yield();
        }
    };
    const auto writer = ArtifactWriter::create(store, "b/", plain(4, 4), {}).value();
    const auto stream = writer->open_stream().value();
    ASSERT_TRUE(stream->open("big"));
    ASSERT_TRUE(stream->write(noise(4 * kBlockBytes)));
    ASSERT_TRUE(stream->done());
    ASSERT_TRUE(stream->flush());
    ASSERT_TRUE(writer->finish());
    EXPECT_TRUE(together);
}

TEST(Storing, OfTheLogNeverWaitsForTheFiles) {
    MemoryStore store;
    std::promise<void> log_is_written;
    const auto released = log_is_written.get_future().share();
    std::atomic<bool> waited = false;
    store.on_put = [&](std::size_t bytes) {
        // Only the files' blocks are whole ones.
        if (bytes == kBlockBytes) waited = released.wait_for(10s) == std::future_status::timeout || waited;
    };
    const auto writer = ArtifactWriter::create(store, "b/", plain(6, 1), {}).value();
    const auto files = writer->open_stream().value();
    const auto log = writer->open_log().value();
    ASSERT_TRUE(files->open("big"));
    ASSERT_TRUE(files->write(noise(6 * kBlockBytes)));
    ASSERT_TRUE(log->open(std::nullopt));
    // More than what the log has in memory, so that some of it is stored before the rest finds room.
    ASSERT_TRUE(log->write(noise(3 * kBlockBytes)));
    ASSERT_TRUE(log->done());
    log_is_written.set_value();
    EXPECT_FALSE(waited) << "the log waited for the PUT of a file's block";
    ASSERT_TRUE(log->flush());
    ASSERT_TRUE(files->done());
    ASSERT_TRUE(files->flush());
    EXPECT_TRUE(writer->finish());
}

TEST(Storing, BeginsWithTheLogAtOnceAndLongBeforeItsMemoryIsFull) {
    // On a line that carries little more than the log grows by, what is sent late is read late, and pruned before that.
    constexpr std::size_t kLogBytes = 2 * kBlockBytes;
    MemoryStore store({.put_takes = 1h});
    const auto writer = ArtifactWriter::create(store, "b/", plain(2, 1), {}).value();
    const auto limit = Deadline::after(10s);
    const auto wait_for_puts = [&](std::int64_t puts) {
        while (store.active_puts() < puts && !limit.passed()) std::this_thread::yield();
        return store.active_puts();
    };
    const auto files = writer->open_stream().value();
    ASSERT_TRUE(files->open("big"));
    ASSERT_TRUE(files->write(noise(kBlockBytes + 1)));
    ASSERT_EQ(wait_for_puts(1), 1) << "the files' only thread";
    const auto log = writer->open_log().value();
    ASSERT_TRUE(log->open(std::nullopt));
    ASSERT_TRUE(log->write(noise(kLogBytes / 8 + 1)));
    EXPECT_EQ(wait_for_puts(2), 2) << "after an eighth of what it may hold, whatever the files' threads do";
    ASSERT_TRUE(log->write(noise(kLogBytes - kLogBytes / 8 - 1))) << "and it holds as much as two blocks of the files";
}

TEST(Storing, EndsEverythingWithTheFirstError) {
    MemoryStore store({.put_takes = 5ms, .put_that_fails = 3});
    const auto writer = ArtifactWriter::create(store, "b/", plain(3, 2), {}).value();
    const auto stream = writer->open_stream().value();
    ASSERT_TRUE(stream->open("big"));
    const auto block = noise(kBlockBytes);
    base::Result<void> written;
    for (int i = 0; i < 1'000 && written; ++i) written = stream->write(block);
    ASSERT_FALSE(written) << "a stream learns of it, and doesn't wait for ever";
    EXPECT_EQ(written.error().reason, Reason::kStorageFull);
    const auto totals = writer->finish();
    ASSERT_FALSE(totals);
    EXPECT_EQ(totals.error().reason, Reason::kStorageFull) << totals.error().message;
    EXPECT_LT(store.puts(), 10);
}

TEST(Storing, EndsWhatIsUnderWayWithTheFirstError) {
    MemoryStore store({.put_takes = 1h, .put_that_fails = 1});
    const auto writer = ArtifactWriter::create(store, "b/", plain(2, 2), {}).value();
    const auto stream = writer->open_stream().value();
    ASSERT_TRUE(stream->open("big"));
    const auto written = stream->write(noise(10 * kBlockBytes));
    ASSERT_FALSE(written);
    const auto limit = Deadline::after(10s);
    while (store.active_puts() > 0 && !limit.passed()) std::this_thread::yield();
    EXPECT_EQ(store.active_puts(), 0);
    EXPECT_EQ(writer->finish().error().reason, Reason::kStorageFull) << "and not that the others were cancelled";
}

TEST(Storing, OfAnIndexThatFailsFailsTheArtifact) {
    MemoryStore store({.put_that_fails = 0});
    const auto writer = ArtifactWriter::create(store, "b/", plain(3, 2), {}).value();
    const auto stream = writer->open_stream().value();
    base::Result<void> written;
    for (int i = 0; i < 100'000 && written; ++i) {
        written = stream->open("f" + std::to_string(i));
        if (written) written = stream->abandon();
    }
    ASSERT_FALSE(written) << "64 KiB hold fewer lines";
    EXPECT_EQ(written.error().reason, Reason::kStorageFull);
    EXPECT_FALSE(writer->finish());
}

TEST(Storing, EndsAtAStopOrADeadline) {
    for (const bool by_stop : {true, false}) {
        MemoryStore store({.put_takes = 1h});
        std::stop_source stop;
        const object_store::Call call{.deadline = by_stop ? Deadline::never() : Deadline::after(50ms),
                                      .stop = stop.get_token()};
        const auto writer = ArtifactWriter::create(store, "b/", plain(3, 2), call).value();
        const auto stream = writer->open_stream().value();
        ASSERT_TRUE(stream->open("big"));
        base::Result<void> written;
        {
            const std::jthread producer([&] { written = stream->write(noise(10 * kBlockBytes)); });
            if (by_stop) stop.request_stop();
        }
        ASSERT_FALSE(written);
        EXPECT_EQ(written.error().code, by_stop ? ErrorCode::kCancelled : ErrorCode::kDeadline);
        EXPECT_FALSE(writer->finish());
    }
}

TEST(Storing, LeavesNothingRunningWhenItIsGivenUp) {
    MemoryStore store({.put_takes = 1h});
    const auto writer = ArtifactWriter::create(store, "b/", plain(3, 2), {}).value();
    const auto stream = writer->open_stream().value();
    ASSERT_TRUE(stream->open("big"));
    ASSERT_TRUE(stream->write(noise(2 * kBlockBytes)));
    for (int i = 0; i < 5'000; ++i) ASSERT_TRUE(writer->add_transactions({.first = i, .lengths = {1}}));
}

TEST(Storing, RefusesMoreStreamsThanCanWaitWithABlockEach) {
    MemoryStore store;
    EXPECT_FALSE(ArtifactWriter::create(store, "b/", {.blocks = 1, .streams = 2}, {}));
    EXPECT_FALSE(ArtifactWriter::create(store, "b/", {.threads = 0}, {}));
    const auto writer = ArtifactWriter::create(store, "b/", plain(2, 1), {}).value();
    const auto first = writer->open_stream();
    const auto second = writer->open_stream();
    EXPECT_TRUE(first && second);
    EXPECT_FALSE(writer->open_stream());
    const auto log = writer->open_log();
    EXPECT_TRUE(log);
    EXPECT_FALSE(writer->open_log());
}

TEST(Storing, HandsABlockOverBeforeItsExtentsTakeMoreRoomThanIts) {
    MemoryStore store;
    const auto writer = ArtifactWriter::create(store, "b/", plain(2, 1), {}).value();
    const auto stream = writer->open_stream().value();
    for (std::size_t i = 0; i < kMaxExtentsPerBlock + 1; ++i) {
        ASSERT_TRUE(stream->open("f" + std::to_string(i)));
        ASSERT_TRUE(stream->write(Bytes(1)));
        ASSERT_TRUE(stream->done());
    }
    ASSERT_TRUE(stream->flush());
    const auto totals = writer->finish();
    ASSERT_TRUE(totals);
    EXPECT_EQ(totals->counts.blocks - static_cast<std::int64_t>(totals->index.size()), 2);
}

}  // namespace
}  // namespace n4b::blocks
