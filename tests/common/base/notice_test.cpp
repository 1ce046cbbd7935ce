#include "common/base/notice.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/json_object.hpp"

namespace n4b::base {
namespace {

/// What four notices look like.
std::string said(Loudness loudness, NoticeForm form) {
    set_notices(loudness, form);
    ::testing::internal::CaptureStderr();
    debug("asking");
    info("copying", {{"files", 3}, {"phase", "Copying"}});
    warn("trying again");
    error("full");
    set_notices(Loudness::kUsual, NoticeForm::kText);
    return ::testing::internal::GetCapturedStderr();
}

TEST(Notices, AreAsLoudAsTheyWereAskedToBe) {
    EXPECT_EQ(said(Loudness::kErrors, NoticeForm::kText), "error: full\n");
    EXPECT_EQ(said(Loudness::kUsual, NoticeForm::kText), "copying\nwarning: trying again\nerror: full\n");
    EXPECT_EQ(said(Loudness::kEverything, NoticeForm::kText),
              "debug: asking\ncopying\nwarning: trying again\nerror: full\n");
}

TEST(Notices, AreObjectsWithTimeAndLevelWhereTheyAreCollected) {
    const auto lines = said(Loudness::kUsual, NoticeForm::kJson);
    const auto first = Json::parse(lines.substr(0, lines.find('\n')));
    EXPECT_EQ(first.at("level"), "info");
    EXPECT_EQ(first.at("message"), "copying");
    EXPECT_EQ(first.at("files"), 3);
    EXPECT_EQ(first.at("phase"), "Copying");
    EXPECT_THAT(first.at("time").get<std::string>(), ::testing::EndsWith("Z"));
    EXPECT_THAT(lines, ::testing::HasSubstr(R"("level":"error")"));
}

TEST(Notices, ComeBeforeTheLineThatRewritesItself) {
    ::testing::internal::CaptureStderr();
    show_status("1 MiB");
    warn("slow");
    show_status("2 MiB");
    show_status("");
    show_status("");
    EXPECT_EQ(::testing::internal::GetCapturedStderr(),
              "\r\033[K1 MiB\r\033[Kwarning: slow\n1 MiB\r\033[K2 MiB\r\033[K");
}

}  // namespace
}  // namespace n4b::base
