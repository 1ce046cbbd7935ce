#include "operator/kube/watch_fsm.hpp"

namespace n4b::kube {

WatchStep on_page(const std::string& continue_token, const std::string& resource_version) {
    if (!continue_token.empty()) return {.next = Listing{continue_token}};
    return {.next = Watching{resource_version}};
}

WatchStep on_list_failure(const Listing& state, base::ErrorCode code) {
    if (code == base::ErrorCode::kDataLoss) return {.next = Listing{}, .backoff = true};
    return {.next = state, .backoff = true};
}

WatchStep on_watch_end(const Watching& state, const WatchEnd& end) {
    if (end.clean) return {.next = state, .backoff = end.lasted < std::chrono::seconds(1) && !end.brought_events};
    if (end.code == base::ErrorCode::kDataLoss) return {.next = Listing{}, .backoff = !end.brought_events};
    return {.next = state, .backoff = true};
}

}  // namespace n4b::kube
