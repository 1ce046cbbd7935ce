#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "common/contract/exit_code.hpp"
#include "operator/api/reasons.hpp"
#include "tests/support/troubleshooting.hpp"

namespace n4b {
namespace {

using base::Reason;
using testing::has_form;
using testing::troubleshooting;

std::string expected_advice(Reason reason) {
    const auto advice = api::advice(reason);
    return advice.empty() ? "-" : std::string(advice);
}

std::string expected_code(Reason reason) {
    return std::to_string(static_cast<int>(contract::exit_code_of(reason)));
}

std::string row_of(Reason reason, std::string_view meaning) {
    return fmt::format("| {} | {} | {} | {} |", to_string(reason), expected_code(reason), meaning,
                       expected_advice(reason));
}

TEST(Troubleshooting, ExplainsEveryReasonOnceAsTheCodeHasIt) {
    const auto& rows = troubleshooting().reasons;
    for (const auto reason : base::all_reasons()) {
        const auto count =
            std::count_if(rows.begin(), rows.end(), [&](const auto& row) { return row.reason == to_string(reason); });
        EXPECT_LE(count, 1) << to_string(reason) << " has " << count << " rows in docs/troubleshooting.md";
        const auto row =
            std::find_if(rows.begin(), rows.end(), [&](const auto& r) { return r.reason == to_string(reason); });
        if (row == rows.end()) {
            ADD_FAILURE() << "add to a table in docs/troubleshooting.md:\n" << row_of(reason, "WHAT IT MEANS");
            continue;
        }
        EXPECT_FALSE(row->meaning.empty()) << row->reason;
        // What is no outcome has no exit code.
        const bool same_code = row->code == expected_code(reason) ||
                               (row->code == "-" && contract::exit_code_of(reason) == contract::ExitCode::kRetry);
        EXPECT_TRUE(same_code && row->advice == expected_advice(reason))
            << "docs/troubleshooting.md has\n| " << row->reason << " | " << row->code << " | " << row->meaning << " | "
            << row->advice << " |\nand the code says\n"
            << row_of(reason, row->meaning);
    }
}

TEST(Troubleshooting, NamesNoReasonThatThereIsNot) {
    for (const auto& row : troubleshooting().reasons) EXPECT_TRUE(base::parse_reason(row.reason)) << row.reason;
    for (const auto& row : troubleshooting().messages) EXPECT_TRUE(base::parse_reason(row.reason)) << row.reason;
}

TEST(Troubleshooting, ShowsNoMessageTwice) {
    std::set<std::pair<std::string, std::string>> seen;
    for (const auto& row : troubleshooting().messages) {
        EXPECT_TRUE(seen.insert({row.reason, row.message}).second) << row.reason << ": " << row.message;
    }
}

TEST(MessageForm, StandsForAnythingAtAnEllipsis) {
    EXPECT_TRUE(has_form("a frame of 8 bytes", "a frame of … bytes"));
    EXPECT_TRUE(has_form("10.0.0.1:6362: a frame of 8 bytes", "a frame of … bytes"));
    EXPECT_FALSE(has_form("not a frame of 8 bytes", "a frame of … bytes"));
    EXPECT_FALSE(has_form("a frame of 8 bytes more", "a frame of … bytes"));
    EXPECT_TRUE(has_form("a frame of 8 bytes more", "a frame of …"));
    EXPECT_FALSE(has_form("a frame", "a frame of …"));
}

}  // namespace
}  // namespace n4b
