#include "operator/kinds/backup/display.hpp"

#include <gtest/gtest.h>

namespace n4b::backup {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

TEST(Display, BytesForPeople) {
    EXPECT_EQ(bytes_for_people(0), "0 B");
    EXPECT_EQ(bytes_for_people(1023), "1023 B");
    EXPECT_EQ(bytes_for_people(1024), "1.0 KiB");
    EXPECT_EQ(bytes_for_people(1024 * 1024 - 1), "1.0 MiB") << "never 1024.0 of a unit";
    EXPECT_EQ(bytes_for_people(1'181'116'006), "1.1 GiB");
    EXPECT_EQ(bytes_for_people(std::int64_t{5} << 50), "5.0 PiB");
    EXPECT_EQ(bytes_for_people(INT64_MAX), "8192.0 PiB");
}

TEST(Display, SpansForPeople) {
    EXPECT_EQ(span_for_people(milliseconds(0)), "0s");
    EXPECT_EQ(span_for_people(milliseconds(-5000)), "0s") << "two clocks differ";
    EXPECT_EQ(span_for_people(milliseconds(1499)), "1s");
    EXPECT_EQ(span_for_people(seconds(32)), "32s");
    EXPECT_EQ(span_for_people(milliseconds(59'600)), "1m0s");
    EXPECT_EQ(span_for_people(minutes(5) + seconds(12)), "5m12s");
    EXPECT_EQ(span_for_people(hours(3) + minutes(20) + seconds(59)), "3h20m");
}

TEST(Display, ShowsNothingOfARunThatHasNotStarted) {
    const auto display = display_of({});
    EXPECT_EQ(display.size + display.stored + display.took + display.from, "");
}

TEST(Display, ShowsWhatWasCopiedFromWhereAndHowLongItTook) {
    const base::SystemTime start{seconds(1'790'000'000)};
    BackupStatus status;
    status.run = {.started = start, .completed = start + seconds(32)};
    status.source = contract::SourceReport{.address = "10.0.0.1:6362", .member = "replica-0"};
    auto& artifact = status.artifact.emplace();
    artifact.bytes = 1'181'116'006;
    artifact.stored_bytes = 1024;
    auto display = display_of(status);
    EXPECT_EQ(display.size, "1.1 GiB");
    EXPECT_EQ(display.stored, "1.0 KiB");
    EXPECT_EQ(display.took, "32s");
    EXPECT_EQ(display.from, "replica-0");
    status.source->member.clear();
    EXPECT_EQ(display_of(status).from, "10.0.0.1:6362");
}

}  // namespace
}  // namespace n4b::backup
