#pragma once

#include <map>
#include <string>
#include <vector>

#include "operator/http/transport.hpp"

namespace n4b::testing {

/// An API server that holds what it is given, one thread: GET answers with the text at a path (of a collection too),
/// POST puts an object below its collection or says AlreadyExists, PATCH is only noted, DELETE removes. Nothing there:
/// 404.
class FakeApi final : public http::Transport {
public:
    base::Result<http::Response> exchange(const http::Request& request, const std::stop_token& stop) override;
    base::Result<http::Response> stream(const http::Request& request, const http::PieceSink& sink,
                                        const std::stop_token& stop) override;

    /// Whether a request of that method went to a path that holds `part`.
    [[nodiscard]] bool asked(const std::string& method, const std::string& part) const;

    std::map<std::string, std::string> objects{};  ///< JSON by path.
    std::map<std::string, int> failures{};         ///< Statuses by method and collection or object, such as "POST /p".
    std::vector<http::Request> requests{};         ///< In the order they came.
};

}  // namespace n4b::testing
