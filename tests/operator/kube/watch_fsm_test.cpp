#include "operator/kube/watch_fsm.hpp"

#include <gtest/gtest.h>

#include <ostream>

namespace n4b::kube {
namespace {

using base::ErrorCode;
using std::chrono::milliseconds;
using std::chrono::minutes;

const Listing kFresh{};
const Listing kPage{.continue_token = "t"};
const Watching kAt{.resource_version = "7"};

TEST(WatchFsm, PagesUntilTheLastAndThenWatches) {
    EXPECT_EQ(on_page("t", "5"), (WatchStep{.next = kPage}));
    EXPECT_EQ(on_page("", "7"), (WatchStep{.next = kAt}));
}

TEST(WatchFsm, ListFailures) {
    for (const auto& state : {kFresh, kPage}) {
        for (const auto code : {ErrorCode::kUnavailable, ErrorCode::kThrottled, ErrorCode::kPermissionDenied,
                                ErrorCode::kUnauthenticated, ErrorCode::kDeadline, ErrorCode::kInvalid}) {
            EXPECT_EQ(on_list_failure(state, code), (WatchStep{.next = state, .backoff = true}));
        }
        EXPECT_EQ(on_list_failure(state, ErrorCode::kDataLoss), (WatchStep{.next = kFresh, .backoff = true}));
    }
}

TEST(WatchFsm, WatchEnds) {
    EXPECT_EQ(on_watch_end(kAt, {.lasted = minutes(5), .brought_events = false}), (WatchStep{.next = kAt}));
    EXPECT_EQ(on_watch_end(kAt, {.lasted = milliseconds(10), .brought_events = true}), (WatchStep{.next = kAt}));
    EXPECT_EQ(on_watch_end(kAt, {.lasted = milliseconds(10)}), (WatchStep{.next = kAt, .backoff = true}));
    for (const auto code : {ErrorCode::kUnavailable, ErrorCode::kThrottled, ErrorCode::kPermissionDenied}) {
        EXPECT_EQ(on_watch_end(kAt, {.clean = false, .code = code}), (WatchStep{.next = kAt, .backoff = true}));
    }
    EXPECT_EQ(on_watch_end(kAt, {.clean = false, .code = ErrorCode::kDataLoss, .brought_events = true}),
              (WatchStep{.next = kFresh}));
    EXPECT_EQ(on_watch_end(kAt, {.clean = false, .code = ErrorCode::kDataLoss}),
              (WatchStep{.next = kFresh, .backoff = true}));
}

}  // namespace
}  // namespace n4b::kube
