#include "operator/kube/watch_fsm.hpp"

#include <gtest/gtest.h>

#include <ostream>
#include <vector>

namespace n4b::kube {
namespace {

using base::ErrorCode;
using std::chrono::milliseconds;
using std::chrono::minutes;

const Listing kFresh{};
const Listing kFreshPaged{.way = ListWay::kPaged};
const Listing kPage{.continue_token = "t", .way = ListWay::kPaged};
const Watching kAt{.resource_version = "7"};

TEST(WatchFsm, PagesUntilTheLastAndThenWatches) {
    EXPECT_EQ(on_page(kFreshPaged, "t", "5"), (WatchStep{.next = kPage}));
    EXPECT_EQ(on_page(kFresh, "", "7"), (WatchStep{.next = kAt}));
    EXPECT_EQ(on_page(kPage, "", "7"), (WatchStep{.next = kAt}));
}

TEST(WatchFsm, StreamedListFailures) {
    EXPECT_EQ(on_list_failure(kFresh, ErrorCode::kInvalid), (WatchStep{.next = kFreshPaged}));
    for (const auto code : {ErrorCode::kUnavailable, ErrorCode::kDeadline}) {
        EXPECT_EQ(on_list_failure(kFresh, code), (WatchStep{.next = kFreshPaged, .backoff = true}));
    }
    for (const auto code : {ErrorCode::kThrottled, ErrorCode::kPermissionDenied, ErrorCode::kUnauthenticated,
                            ErrorCode::kInternal, ErrorCode::kDataLoss, ErrorCode::kNotFound}) {
        EXPECT_EQ(on_list_failure(kFresh, code), (WatchStep{.next = kFresh, .backoff = true}));
    }
}

TEST(WatchFsm, ListFailures) {
    for (const auto& state : {kFreshPaged, kPage}) {
        for (const auto code : {ErrorCode::kUnavailable, ErrorCode::kThrottled, ErrorCode::kPermissionDenied,
                                ErrorCode::kUnauthenticated, ErrorCode::kInternal}) {
            EXPECT_EQ(on_list_failure(state, code), (WatchStep{.next = state, .backoff = true}));
        }
        for (const auto code : {ErrorCode::kDataLoss, ErrorCode::kInvalid}) {
            EXPECT_EQ(on_list_failure(state, code), (WatchStep{.next = kFresh, .backoff = true}));
        }
    }
}

TEST(WatchFsm, HalvesAPageThatIsTooSlowUntilItIsOneObject) {
    for (const char* token : {"", "t"}) {
        Listing at{.continue_token = token, .way = ListWay::kPaged};
        for (const int limit : {250, 125, 62, 31, 15, 7, 3, 1}) {
            const Listing half{.continue_token = token, .limit = limit, .way = ListWay::kPaged};
            EXPECT_EQ(on_list_failure(at, ErrorCode::kDeadline), (WatchStep{.next = half}));
            at = half;
        }
        EXPECT_EQ(on_list_failure(at, ErrorCode::kDeadline), (WatchStep{.next = at, .backoff = true}));
        EXPECT_EQ(on_page(at, "next", "5"),
                  (WatchStep{.next = Listing{.continue_token = "next", .limit = 1, .way = ListWay::kPaged}}));
        EXPECT_EQ(on_list_failure(at, ErrorCode::kDataLoss), (WatchStep{.next = kFresh, .backoff = true}));
    }
}

TEST(WatchFsm, WatchEnds) {
    struct Case {
        bool clean;
        ErrorCode code;
        milliseconds lasted;
        bool events;
        WatchStep step;
    };
    const auto any = ErrorCode::kUnavailable;
    const auto gone = ErrorCode::kDataLoss;
    const Case cases[] = {
        {true, any, milliseconds(119'999), false, {.next = kAt, .served = true}},
        {true, any, milliseconds(120'000), false, {.next = kFresh, .served = true}},
        {true, any, minutes(5), true, {.next = kAt, .served = true}},
        {false, ErrorCode::kDeadline, milliseconds(150'000), false, {.next = kFresh, .backoff = true, .served = true}},
        {false, ErrorCode::kDeadline, milliseconds(150'000), true, {.next = kAt, .backoff = true, .served = true}},
        {true, any, milliseconds(10), true, {.next = kAt, .served = true}},
        {true, any, milliseconds(10), false, {.next = kAt, .backoff = true}},
        {true, any, milliseconds(1000), false, {.next = kAt}},
        {false, any, milliseconds(4999), false, {.next = kAt, .backoff = true}},
        {false, any, milliseconds(5000), false, {.next = kAt, .backoff = true, .served = true}},
        {false, any, milliseconds(10), true, {.next = kAt, .backoff = true, .served = true}},
        {false, ErrorCode::kThrottled, milliseconds(10), false, {.next = kAt, .backoff = true}},
        {false, ErrorCode::kPermissionDenied, milliseconds(10), false, {.next = kAt, .backoff = true}},
        {false, gone, milliseconds(10), true, {.next = kFresh, .served = true}},
        {false, gone, milliseconds(10), false, {.next = kFresh, .backoff = true}},
        {false, gone, minutes(5), false, {.next = kFresh, .backoff = true, .served = true}},
    };
    for (const auto& c : cases) {
        EXPECT_EQ(on_watch_end(kAt, {.clean = c.clean, .code = c.code, .lasted = c.lasted, .brought_events = c.events}),
                  c.step)
            << "case " << &c - cases;
    }
}

TEST(WatchFsm, CountsFailuresInARowOnly) {
    const WatchStep good{.next = kAt};
    const WatchStep bad{.next = kAt, .backoff = true};
    const WatchStep served{.next = kAt, .backoff = true, .served = true};
    EXPECT_EQ(failures_after(3, good), 0U);
    EXPECT_EQ(failures_after(3, bad), 4U);
    EXPECT_EQ(failures_after(1'000'000, bad), 1'000'000U);
    EXPECT_EQ(failures_after(9, served), 1U) << "a watch that worked for hours and broke is no ninth failure";
}

TEST(WatchFsm, TellsOfTheThirdFailureInARowAndOfEachDoubling) {
    std::vector<std::uint32_t> told;
    for (std::uint32_t failures = 0; failures <= 100; ++failures) {
        if (worth_a_warning(failures)) told.push_back(failures);
    }
    EXPECT_EQ(told, (std::vector<std::uint32_t>{3, 6, 12, 24, 48, 96}));
    EXPECT_FALSE(worth_a_warning(1'000'000)) << "where counting ends, it would be told of each time";
}

}  // namespace
}  // namespace n4b::kube
