#include "operator/kube/watch_fsm.hpp"

#include <algorithm>
#include <bit>

namespace n4b::kube {
namespace {

// A server that refuses does it at once; one that kept a watch this long works.
constexpr auto kServed = std::chrono::seconds(5);
// A bookmark comes about every minute.
constexpr auto kSilent = std::chrono::seconds(120);
constexpr std::uint32_t kMaxFailures = 1'000'000;  // A year of them; the wait has long reached its cap.
constexpr std::uint32_t kTold = 3;

}  // namespace

WatchStep on_page(const Listing& state, const std::string& continue_token, const std::string& resource_version) {
    if (!continue_token.empty()) return {.next = Listing{continue_token, state.limit, ListWay::kPaged}};
    return {.next = Watching{resource_version}};
}

WatchStep on_list_failure(const Listing& state, base::ErrorCode code) {
    if (state.way == ListWay::kStreamed && code == base::ErrorCode::kInvalid) {
        return {.next = Listing{.way = ListWay::kPaged}};
    }
    const bool broken = code == base::ErrorCode::kDeadline || code == base::ErrorCode::kUnavailable;
    if (state.way == ListWay::kStreamed && broken) return {.next = Listing{.way = ListWay::kPaged}, .backoff = true};
    if (code == base::ErrorCode::kDataLoss || code == base::ErrorCode::kInvalid) {
        return {.next = Listing{}, .backoff = true};
    }
    if (code == base::ErrorCode::kDeadline && state.limit > 1) {
        return {.next = Listing{state.continue_token, state.limit / 2, ListWay::kPaged}};
    }
    return {.next = state, .backoff = true};
}

WatchStep on_watch_end(const Watching& state, const WatchEnd& end) {
    const bool served = end.brought_events || end.lasted >= kServed;
    if (!end.brought_events && end.lasted >= kSilent) {
        return {.next = Listing{}, .backoff = !end.clean, .served = served};
    }
    if (end.clean) {
        const bool hot = end.lasted < std::chrono::seconds(1) && !end.brought_events;
        return {.next = state, .backoff = hot, .served = served};
    }
    if (end.code == base::ErrorCode::kDataLoss) {
        return {.next = Listing{}, .backoff = !end.brought_events, .served = served};
    }
    return {.next = state, .backoff = true, .served = served};
}

std::uint32_t failures_after(std::uint32_t failures, const WatchStep& step) {
    if (!step.backoff) return 0;
    return step.served ? 1 : std::min(failures + 1, kMaxFailures);
}

bool worth_a_warning(std::uint32_t failures) {
    return failures % kTold == 0 && std::has_single_bit(failures / kTold);
}

}  // namespace n4b::kube
