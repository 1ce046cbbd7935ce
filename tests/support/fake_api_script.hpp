#pragma once

#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "operator/http/transport.hpp"

namespace n4b::testing {

/// A transport that answers exchanges and lists in turn, the last answer for ever, and whose watches bring all lines
/// and end, or without any last until they are stopped. Bodies come in pieces of 7 bytes. For one thread at a time;
/// look into it when that has ended.
class FakeApiScript final : public http::Transport {
public:
    base::Result<http::Response> exchange(const http::Request& request, const std::stop_token& stop) override;
    base::Result<http::Response> stream(const http::Request& request, const http::PieceSink& sink,
                                        const std::stop_token& stop) override;

    void answer(int status, std::string body) {
        answers.emplace_back(http::Response{.status = status, .body = std::move(body)});
    }

    std::deque<base::Result<http::Response>> answers{};
    std::vector<std::string> lines{};
    /// What a streamed list brings; unset: this server streams none (422).
    std::optional<std::vector<std::string>> initial{};
    std::vector<http::Request> requests{};  ///< In the order they came.
};

}  // namespace n4b::testing
