#include "tests/support/fake_api_script.hpp"

#include <condition_variable>
#include <mutex>

namespace n4b::testing {

base::Result<http::Response> FakeApiScript::exchange(const http::Request& request, const std::stop_token& /*stop*/) {
    requests.push_back(request);
    if (answers.empty()) return http::Response{.status = 404};
    const auto answer = answers.front();
    if (answers.size() > 1) answers.pop_front();
    return answer;
}

base::Result<http::Response> FakeApiScript::stream(const http::Request& request, const http::LineSink& sink,
                                                   const std::stop_token& stop) {
    requests.push_back(request);
    for (const auto& line : lines) {
        if (!sink(line)) break;
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
