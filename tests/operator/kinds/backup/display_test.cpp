#include "operator/kinds/backup/display.hpp"

#include <gtest/gtest.h>

namespace n4b::backup {
namespace {

using std::chrono::seconds;

TEST(Display, ShowsNothingOfARunThatHasNotStarted) {
    const auto display = display_of({});
    EXPECT_EQ(display.kind + display.size + display.stored + display.took + display.from, "");
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
    EXPECT_EQ(display.kind, "Full");
    EXPECT_EQ(display.size, "1.1 GiB");
    EXPECT_EQ(display.stored, "1.0 KiB");
    EXPECT_EQ(display.took, "32s");
    EXPECT_EQ(display.from, "replica-0");
    status.source->member.clear();
    EXPECT_EQ(display_of(status).from, "10.0.0.1:6362");
}

TEST(Display, TellsThatThereWasNothingNew) {
    BackupStatus status;
    status.up_to_date.emplace();
    EXPECT_EQ(display_of(status).kind, "UpToDate");
    EXPECT_EQ(display_of(status).size, "");
}

}  // namespace
}  // namespace n4b::backup
