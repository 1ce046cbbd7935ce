#include "tests/support/fake_api_script.hpp"

#include <condition_variable>
#include <mutex>

namespace n4b::testing {
namespace {

constexpr std::size_t kPieceBytes = 7;

bool in_pieces(std::string_view body, const http::PieceSink& sink) {
    for (std::size_t at = 0; at < body.size(); at += kPieceBytes) {
        if (!sink(body.substr(at, kPieceBytes))) return false;
    }
    return true;
}

}  // namespace

base::Result<http::Response> FakeApiScript::exchange(const http::Request& request, const std::stop_token& /*stop*/) {
    requests.push_back(request);
    if (answers.empty()) return http::Response{.status = 404, .body = R"({"reason":"NotFound"})"};
    const auto answer = answers.front();
    if (answers.size() > 1) answers.pop_front();
    return answer;
}

base::Result<http::Response> FakeApiScript::stream(const http::Request& request, const http::PieceSink& sink,
                                                   const std::stop_token& stop) {
    if (request.path.find("watch=1") == std::string::npos) {
        auto answer = exchange(request, stop);
        if (answer && answer->status == 200) in_pieces(std::exchange(answer->body, {}), sink);
        return answer;
    }
    requests.push_back(request);
    if (request.path.find("sendInitialEvents") != std::string::npos) {
        if (!initial) return http::Response{.status = 422, .body = R"({"reason": "Invalid", "message": "forbidden"})"};
        for (const auto& line : *initial) {
            if (!in_pieces(line + "\n", sink)) break;
        }
        return http::Response{.status = 200};
    }
    for (const auto& line : lines) {
        if (!in_pieces(line + "\n", sink)) break;
    }
    if (lines.empty()) {
        std::mutex mutex;
        std::condition_variable_any stopped;
        std::unique_lock lock(mutex);
        stopped.wait(lock, stop, [] { return false; });
    }
    return http::Response{.status = 200};
}

}  // namespace n4b::testing
