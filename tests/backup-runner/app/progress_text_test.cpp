#include "backup-runner/app/progress_text.hpp"

#include <gtest/gtest.h>

namespace n4b::runner {
namespace {

constexpr std::int64_t kMiB = 1024 * 1024;

TEST(ProgressText, TellsTotalAndRemainingTimeWhereTheyAreKnown) {
    ProgressView view{.phase = "Copying", .files = 12, .bytes = 100 * kMiB, .rate = 10 * kMiB};
    EXPECT_EQ(to_text(view), "Copying: 12 files, 100.0 MiB, 10.0 MiB/s");
    view.total = 1000 * kMiB;
    EXPECT_EQ(to_text(view), "Copying: 12 files, 100.0 MiB of 1000.0 MiB (10 %), 10.0 MiB/s, about 1m 30s left");
    view.guessed = true;
    view.rate = 0;
    EXPECT_EQ(to_text(view), "Copying: 12 files, 100.0 MiB of about 1000.0 MiB (10 %), 0 bytes/s") << "nothing flows";
}

TEST(ProgressText, AGuessThatWasSurpassedIsNone) {
    engine::ProgressCounters counters;
    counters.bytes = 10;
    EXPECT_FALSE(view_of(counters, 1).total) << "there is none yet";
    counters.total = 12;
    counters.guessed = true;
    EXPECT_EQ(view_of(counters, 1).total, 12);
    EXPECT_EQ(remaining(view_of(counters, 1)), std::chrono::seconds(2));
    counters.bytes = 13;
    EXPECT_FALSE(view_of(counters, 1).total);
    EXPECT_FALSE(remaining(view_of(counters, 1)));
}

TEST(SizeText, HasTheUnitThatKeepsItShort) {
    EXPECT_EQ(size_text(1023), "1023 bytes");
    EXPECT_EQ(size_text(1536), "1.5 KiB");
    EXPECT_EQ(size_text(kMiB - 1), "1.0 MiB") << "never 1024.0 of a unit";
    EXPECT_EQ(size_text(12 * kMiB * 1024), "12.0 GiB");
    EXPECT_EQ(size_text(INT64_MAX), "8192.0 PiB");
}

}  // namespace
}  // namespace n4b::runner
