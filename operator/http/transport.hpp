#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "common/base/clock.hpp"
#include "common/base/result.hpp"

namespace n4b::http {

struct Request {
    std::string method = "GET";
    std::string path{};  ///< Path and query, percent-encoded, from "/".
    std::string content_type{};
    std::string body{};
    std::chrono::milliseconds timeout =
        std::chrono::seconds(15);  ///< The whole exchange; of a stream what comes before its body.
    /// Of a stream: the whole body. Unset: as long as the transport hears something now and then.
    std::optional<std::chrono::milliseconds> body_timeout{};
};

struct Response {
    int status = 0;
    std::string body{};
    std::optional<std::chrono::milliseconds> retry_after{};
    std::optional<base::SystemTime> date{};  ///< The server's time by its `Date` header: whole seconds, cut off.
};

/// The longest body that an exchange takes: one object (etcd refuses above 1.5 MiB) with room to spare.
inline constexpr std::size_t kMaxBodyBytes = std::size_t{4} << 20;

/// Takes the next piece of a body, cut anywhere; false ends the stream.
using PieceSink = std::function<bool(std::string_view piece)>;

/// HTTP to one server. Thread-safe; calls block.
///
/// Errors of both calls: Unavailable (no connection, or it broke), Deadline, Cancelled (by the stop token), Invalid
/// (the answer is longer than allowed), Internal (the library failed in another way). Any HTTP status is a Response.
class Transport {
public:
    virtual ~Transport() = default;

    /// One exchange, its body bounded (kMaxBodyBytes).
    virtual base::Result<Response> exchange(const Request& request, const std::stop_token& stop) = 0;

    /// Passes the body of a 200 answer to the sink as it comes, on the calling thread; no more is read from the network
    /// than the piece that the sink works on. Other statuses come back with their body, at once. A connection that ends
    /// without a last chunk is a clean end too: watches are cut all the time, and of a list the caller sees what is
    /// missing.
    virtual base::Result<Response> stream(const Request& request, const PieceSink& sink,
                                          const std::stop_token& stop) = 0;
};

}  // namespace n4b::http
