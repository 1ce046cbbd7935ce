#pragma once

#include <chrono>
#include <cstdint>
#include <stop_token>
#include <string>

#include "common/base/result.hpp"

namespace n4b::http {

struct PlainRequest {
    std::string ip{};  ///< A literal, IPv6 without brackets: nothing is resolved.
    std::uint16_t port = 0;
    std::string path{};
    std::chrono::milliseconds timeout = std::chrono::seconds(2);  ///< The whole exchange.
    std::size_t max_bytes = 4096;                                 ///< Of the body.
};

/// The body of a 200 answer to one GET in clear text, on a connection of its own, without credentials: for pods, whose
/// answers are not trusted. Blocks; thread-safe. Unavailable: no connection, or another status; Deadline; Cancelled;
/// Invalid: no HTTP, or longer than allowed.
base::Result<std::string> plain_get(const PlainRequest& request, const std::stop_token& stop);

}  // namespace n4b::http
