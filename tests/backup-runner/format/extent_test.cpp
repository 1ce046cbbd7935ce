#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "backup-runner/format/extent_encoder.hpp"

namespace n4b::format {
namespace {

using Bytes = std::vector<std::byte>;

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

struct Block {
    Bytes bytes;
    std::vector<EncodedExtent> extents;
};

/// One file in as many blocks as it needs, given to the encoder in random pieces.
std::vector<Block> encode(ExtentEncoder& encoder, const Bytes& file, std::size_t block_bytes, std::mt19937_64& random) {
    std::vector<Block> blocks;
    Bytes buffer(block_bytes);
    encoder.begin_block(buffer);
    std::vector<EncodedExtent> extents;
    const auto end_extent = [&] {
        const auto extent = encoder.end_extent();
        EXPECT_TRUE(extent);
        if (*extent) extents.push_back(**extent);
    };
    std::span<const std::byte> left(file);
    while (!left.empty()) {
        const auto piece = left.first(std::min<std::size_t>(left.size(), 1 + random() % 300'000));
        const auto taken = encoder.append(piece);
        EXPECT_TRUE(taken);
        left = left.subspan(*taken);
        if (*taken < piece.size()) {
            end_extent();
            EXPECT_LE(encoder.filled(), block_bytes);
            EXPECT_FALSE(extents.empty()) << "a block that takes nothing would be taken again for ever";
            blocks.push_back({Bytes(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(encoder.filled())),
                              std::exchange(extents, {})});
            encoder.begin_block(buffer);
        }
        if (random() % 8 == 0) end_extent();
    }
    end_extent();
    blocks.push_back({Bytes(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(encoder.filled())), extents});
    return blocks;
}

TEST(Extents, GiveBackWhatTheyWereMadeOf) {
    const auto seed = std::random_device{}();
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    std::mt19937_64 random(seed);
    ExtentDecoder decoder;
    for (int round = 0; round < 60; ++round) {
        const auto encoding = random() % 3 == 0 ? Encoding::kNone : Encoding::kZstd;
        const std::size_t block_bytes = std::size_t{1024} << random() % 11;
        const auto file = random_bytes(random, random() % std::min<std::size_t>(block_bytes * 20, 3'000'000));
        ExtentEncoder encoder(encoding);
        Bytes read;
        for (const auto& block : encode(encoder, file, block_bytes, random)) {
            std::int64_t covered = 0;
            for (const auto& extent : block.extents) {
                ASSERT_EQ(extent.block_offset, covered);
                covered += extent.stored_length;
                ASSERT_EQ(extent.xxh3.has_value(), encoding == Encoding::kZstd);
                const auto before = read.size();
                const auto decoded = decoder.decode(block.bytes, extent, [&](std::span<const std::byte> bytes) {
                    read.insert(read.end(), bytes.begin(), bytes.end());
                    return base::Result<void>{};
                });
                ASSERT_TRUE(decoded) << decoded.error().message;
                ASSERT_EQ(read.size() - before, static_cast<std::size_t>(extent.plain_length));
            }
            ASSERT_EQ(covered, static_cast<std::int64_t>(block.bytes.size()));
        }
        ASSERT_EQ(read, file) << "round " << round;
    }
}

TEST(Extents, FillABlockNearlyToItsEnd) {
    std::mt19937_64 random(7);
    constexpr std::size_t kBlock = 1024 * 1024;
    for (const auto encoding : {Encoding::kNone, Encoding::kZstd}) {
        ExtentEncoder encoder(encoding);
        auto noise = Bytes(4 * kBlock);
        for (auto& byte : noise) byte = static_cast<std::byte>(random() % 64);
        const auto blocks = encode(encoder, noise, kBlock, random);
        for (std::size_t i = 0; i + 1 < blocks.size(); ++i) EXPECT_GT(blocks[i].bytes.size(), kBlock - 16 * 1024);
    }
}

TEST(Extents, AreDamagedWhenAnyByteHasChanged) {
    std::mt19937_64 random(11);
    ExtentEncoder encoder(Encoding::kZstd);
    const auto file = random_bytes(random, 2'000);
    const auto block = encode(encoder, file, 64 * 1024, random).front();
    const auto ignore = [](std::span<const std::byte>) { return base::Result<void>{}; };
    ExtentDecoder decoder;
    for (std::size_t i = 0; i < block.bytes.size(); ++i) {
        auto damaged = block.bytes;
        damaged[i] ^= std::byte{0x10};
        bool found = false;
        for (const auto& extent : block.extents) found = found || !decoder.decode(damaged, extent, ignore);
        // The lowest bits of a frame's header are of no meaning where they name a window.
        Bytes read;
        if (!found) {
            for (const auto& extent : block.extents) {
                ASSERT_TRUE(decoder.decode(damaged, extent, [&](std::span<const std::byte> bytes) {
                    read.insert(read.end(), bytes.begin(), bytes.end());
                    return base::Result<void>{};
                }));
            }
        }
        EXPECT_TRUE(found || read == file) << "byte " << i;
    }
}

TEST(Extents, AreDamagedWhenTheyPromiseAnythingElse) {
    std::mt19937_64 random(3);
    ExtentEncoder encoder(Encoding::kZstd);
    const auto block = encode(encoder, Bytes(50'000), 64 * 1024, random).front();
    const auto good = block.extents.front();
    const auto damaged = [&](auto change) {
        auto extent = good;
        change(extent);
        std::int64_t read = 0;
        const auto decoded = ExtentDecoder().decode(block.bytes, extent, [&](std::span<const std::byte> bytes) {
            read += static_cast<std::int64_t>(bytes.size());
            return base::Result<void>{};
        });
        EXPECT_LE(read, std::max<std::int64_t>(extent.plain_length, 0)) << "frames may decode without end";
        return !decoded && decoded.error().reason == base::Reason::kArtifactDamaged;
    };
    EXPECT_FALSE(damaged([](auto&) {}));
    EXPECT_TRUE(damaged([](auto& e) { ++e.plain_length; }));
    EXPECT_TRUE(damaged([](auto& e) { --e.plain_length; }));
    EXPECT_TRUE(damaged([](auto& e) { e.plain_length = 1; }));
    EXPECT_TRUE(damaged([](auto& e) { --e.stored_length; }));
    EXPECT_TRUE(damaged([](auto& e) { e.stored_length += 100'000; }));
    EXPECT_TRUE(damaged([](auto& e) { e.stored_length = INT64_MAX; }));
    EXPECT_TRUE(damaged([](auto& e) { e.block_offset = -1; }));
    EXPECT_TRUE(damaged([](auto& e) { e.block_offset = INT64_MAX; }));
    EXPECT_TRUE(damaged([](auto& e) { e.xxh3 = *e.xxh3 ^ 1U; }));
    EXPECT_TRUE(damaged([](auto& e) { e.xxh3.reset(); }));
}

}  // namespace
}  // namespace n4b::format
