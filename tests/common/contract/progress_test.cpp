#include "common/contract/progress.hpp"

#include <gtest/gtest.h>

namespace n4b::contract {
namespace {

TEST(Progress, ReadsBackWhatItWrites) {
    Progress progress{.run_uid = "u", .attempt = 2, .phase = "Copying", .files = 3, .bytes = 400, .rate = 50};
    EXPECT_EQ(*parse_progress(to_json(progress)), progress);
    progress.total_bytes = 1000;
    progress.remaining = std::chrono::seconds(12);
    EXPECT_EQ(*parse_progress(to_json(progress)), progress);
}

TEST(Progress, HasNoTotalOrRemainingTimeWhereNobodyKnowsThem) {
    const auto json = to_json(Progress{.run_uid = "u", .phase = "Copying"});
    EXPECT_EQ(json.find("totalBytes"), std::string::npos);
    EXPECT_EQ(json.find("remainingSeconds"), std::string::npos);
}

TEST(Progress, RefusesWrongTypes) {
    EXPECT_FALSE(parse_progress(R"({"runUid": "u", "attempt": 1, "phase": "x", "files": 1, "bytes": "many"})"));
    EXPECT_FALSE(parse_progress("{}"));
}

}  // namespace
}  // namespace n4b::contract
