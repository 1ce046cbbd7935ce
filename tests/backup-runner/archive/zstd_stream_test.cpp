#include "backup-runner/archive/zstd_stream.hpp"

#include <gtest/gtest.h>

#include <random>

#include "backup-runner/archive/digest.hpp"

namespace n4b::archive {
namespace {

using Bytes = std::vector<std::byte>;

ByteSink into(Bytes& out) {
    return [&out](std::span<const std::byte> bytes) {
        out.insert(out.end(), bytes.begin(), bytes.end());
        return base::Result<void>{};
    };
}

Bytes compressed(const Bytes& plain) {
    Bytes out;
    ZstdCompressor compressor;
    for (std::size_t at = 0; at < plain.size(); at += 1000) {
        const auto piece = std::span(plain).subspan(at, std::min<std::size_t>(1000, plain.size() - at));
        EXPECT_TRUE(compressor.write(piece, into(out)));
    }
    EXPECT_TRUE(compressor.finish(into(out)));
    return out;
}

base::Result<Bytes> plain_of(const Bytes& stored) {
    Bytes out;
    ZstdDecompressor decompressor;
    for (std::size_t at = 0; at < stored.size(); at += 777) {
        N4B_TRY_VOID(decompressor.write(std::span(stored).subspan(at, std::min<std::size_t>(777, stored.size() - at)),
                                        into(out)));
    }
    N4B_TRY_VOID(decompressor.finish());
    return out;
}

Bytes noise(std::size_t size) {
    std::mt19937 generator(1);
    Bytes bytes(size);
    for (auto& b : bytes) b = static_cast<std::byte>(generator() % 7);
    return bytes;
}

TEST(Zstd, GivesBackWhatItTook) {
    for (const std::size_t size : {0U, 1U, 8192U, 1000000U}) {
        const auto plain = noise(size);
        const auto result = plain_of(compressed(plain));
        ASSERT_TRUE(result) << result.error().message;
        EXPECT_EQ(*result, plain);
    }
    // Zeros expand far beyond one output buffer for a few bytes of input.
    EXPECT_EQ(plain_of(compressed(Bytes(3000000)))->size(), 3000000U);
}

TEST(Zstd, FindsDamageAndCuts) {
    const auto good = compressed(noise(100000));
    auto damaged = good;
    damaged[good.size() / 2] ^= std::byte{1};
    EXPECT_FALSE(plain_of(damaged));
    for (const std::size_t size : {std::size_t{0}, std::size_t{3}, good.size() / 2, good.size() - 1}) {
        const auto cut = plain_of(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)));
        ASSERT_FALSE(cut) << size;
        EXPECT_EQ(cut.error().reason, base::Reason::kArtifactDamaged);
    }
}

TEST(Zstd, PassesOnTheErrorOfItsSink) {
    ZstdCompressor compressor;
    const ByteSink full = [](std::span<const std::byte>) -> base::Result<void> {
        return base::fail(base::ErrorCode::kFailedPrecondition, base::Reason::kStorageFull, "full");
    };
    EXPECT_EQ(compressor.finish(full).error().reason, base::Reason::kStorageFull);
}

TEST(Sha256, MatchesThePublishedVector) {
    // FIPS 180-2, "abc".
    EXPECT_EQ(sha256(std::as_bytes(std::span(std::string_view("abc")))),
              "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace n4b::archive
