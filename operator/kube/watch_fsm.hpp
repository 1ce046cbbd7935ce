#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <variant>

#include "common/base/error.hpp"

namespace n4b::kube {

/// Objects a page. client-go: 500. A page is read one object at a time, so its length costs no memory.
inline constexpr int kPageSize = 500;

/// How a list comes: streamed by a watch that begins with what is there (Kubernetes: WatchList, on by default in 1.32
/// and from 1.34 on, refused where it is off), or in pages, each a consistent read.
enum class ListWay { kStreamed, kPaged };

/// The next thing to do: list (a page from the first one with an empty token), or watch from a resource version. A list
/// from scratch is streamed, unless the server is known not to do that.
struct Listing {
    std::string continue_token{};
    int limit = kPageSize;
    ListWay way = ListWay::kStreamed;
    bool operator==(const Listing&) const = default;
};
struct Watching {
    std::string resource_version{};
    bool operator==(const Watching&) const = default;
};
using WatchState = std::variant<Listing, Watching>;

struct WatchStep {
    WatchState next{};
    bool backoff = false;  ///< Wait before it; the wait grows with each step in a row that says so.
    bool served = false;   ///< A watch that brought events, or lasted, ended: what failed before is over.
    bool operator==(const WatchStep&) const = default;
};

/// A page came. Listing -> Listing (more pages) or Watching (all there).
WatchStep on_page(const Listing& state, const std::string& continue_token, const std::string& resource_version);

/// A page failed. Too slow (kDeadline): the same page at once with half as many objects, down to one; the list goes on
/// so, and the next one begins with whole pages. 410 (kDataLoss) and 400 (kInvalid): the continue token expired, or the
/// server does not know it (another one answers now), so the list starts anew. Throttled and others: the same page
/// again, after a wait.
///
/// A streamed list that is refused (400 or 422: kInvalid) is asked for in pages at once; so is one that broke or never
/// came to its end, after a wait, since a server that streams badly may still list well.
WatchStep on_list_failure(const Listing& state, base::ErrorCode code);

/// The watch ended. Clean, or broken: watch again from where it stood, never list again. 410, on the request or inside
/// the stream, and 504 "too large resource version": list. So after two minutes without even a bookmark: once etcd was
/// restored from a backup, the server drops all that is at or below our version without a word. Throttled, forbidden:
/// wait, keep the version. A watch shorter than a second that brought nothing counts as broken, or it would be a hot
/// loop.
struct WatchEnd {
    bool clean = true;
    base::ErrorCode code = base::ErrorCode::kUnavailable;  ///< When not clean.
    std::chrono::milliseconds lasted{};
    bool brought_events = false;
};
WatchStep on_watch_end(const Watching& state, const WatchEnd& end);

/// How many failures in a row there are after a step; the wait is theirs. Bounded.
std::uint32_t failures_after(std::uint32_t failures, const WatchStep& step);

/// Whether so many failures in a row are told of: at the third, which no passing trouble reaches, and then whenever
/// they have doubled.
bool worth_a_warning(std::uint32_t failures);

}  // namespace n4b::kube
