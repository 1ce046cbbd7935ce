#include "tests/support/fake_api.hpp"

#include <algorithm>
#include <utility>

#include "common/base/json_object.hpp"

namespace n4b::testing {
namespace {

http::Response refusal(int status, const std::string& reason) {
    return {.status = status, .body = base::Json{{"reason", reason}, {"message", reason}}.dump()};
}

}  // namespace

base::Result<http::Response> FakeApi::exchange(const http::Request& request, const std::stop_token& /*stop*/) {
    requests.push_back(request);
    const auto path = request.path.substr(0, request.path.find('?'));
    if (const auto failure = failures.find(request.method + " " + path); failure != failures.end()) {
        return refusal(failure->second, "Failure");
    }
    if (request.method == "PATCH") return http::Response{.status = 200, .body = "{}"};
    if (request.method == "POST") {
        const std::string name = base::Json::parse(request.body)["metadata"]["name"];
        if (!objects.emplace(path + "/" + name, request.body).second) return refusal(409, "AlreadyExists");
        return http::Response{.status = 201, .body = request.body};
    }
    const auto found = objects.find(path);
    if (found == objects.end()) return refusal(404, "NotFound");
    http::Response response{.status = 200, .body = found->second};
    if (request.method == "DELETE") objects.erase(found);
    return response;
}

base::Result<http::Response> FakeApi::stream(const http::Request& request, const http::PieceSink& sink,
                                             const std::stop_token& stop) {
    auto response = exchange(request, stop);
    if (response && response->status == 200) sink(std::exchange(response->body, {}));
    return response;
}

bool FakeApi::asked(const std::string& method, const std::string& part) const {
    return std::any_of(requests.begin(), requests.end(), [&](const auto& request) {
        return request.method == method && request.path.find(part) != std::string::npos;
    });
}

}  // namespace n4b::testing
