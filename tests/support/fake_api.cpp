#include "tests/support/fake_api.hpp"

#include <algorithm>
#include <utility>

#include "common/base/json_object.hpp"

namespace n4b::testing {
namespace {

using base::Json;

constexpr std::string_view kStatus = "/status";

http::Response refusal(int status, const std::string& reason, const std::string& message = {}) {
    return {.status = status, .body = Json{{"reason", reason}, {"message", message.empty() ? reason : message}}.dump()};
}

/// "/api/v1/namespaces/db/pods" and "/apis/batch/v1/namespaces/db/jobs": an object's path has one part more.
bool is_collection(const std::string& path) {
    const auto parts = std::count(path.begin(), path.end(), '/');
    return path.starts_with("/api/") ? parts == 5 : path.starts_with("/apis/") && parts == 6;
}

/// The label and the value that a query selects; nothing: all.
std::optional<std::pair<std::string, std::string>> selection(const std::string& query) {
    constexpr std::string_view kSelector = "labelSelector=";
    const auto from = query.find(kSelector);
    if (from == std::string::npos) return std::nullopt;
    auto text = query.substr(from + kSelector.size(), query.find('&', from) - from - kSelector.size());
    for (const auto& [code, character] : {std::pair("%2F", "/"), std::pair("%3D", "=")}) {
        for (auto at = text.find(code); at != std::string::npos; at = text.find(code)) text.replace(at, 3, character);
    }
    return std::pair(text.substr(0, text.find('=')), text.substr(text.find('=') + 1));
}

bool is_selected(const Json& object, const std::pair<std::string, std::string>& wanted) {
    const auto labels = object.value("/metadata/labels"_json_pointer, Json::object());
    return labels.value(wanted.first, "") == wanted.second;
}

/// Which precondition on metadata does not hold; empty: all do.
std::string broken_precondition(const Json& object, const Json& wanted) {
    const auto& metadata = object.at("metadata");
    for (const auto& [key, name] : {std::pair("uid", "UID"), std::pair("resourceVersion", "ResourceVersion")}) {
        if (wanted.contains(key) && wanted.at(key) != metadata.value(key, "")) {
            return std::string("Precondition failed: ") + name + " in precondition: " + wanted.at(key).dump();
        }
    }
    return {};
}

}  // namespace

base::Result<http::Response> FakeApi::exchange(const http::Request& request, const std::stop_token& /*stop*/) {
    requests.push_back(request);
    if (before) {
        if (const auto status = before(request)) return refusal(*status, "Refused");
    }
    const auto path = request.path.substr(0, request.path.find('?'));
    const auto call = request.method + " " + path;
    if (const auto failure = failures.find(call); failure != failures.end()) {
        return refusal(failure->second, "Failure");
    }
    auto response = serve(request, path);
    if (after) after(request, response.status);
    if (const auto answer = lost.find(call); answer != lost.end()) return refusal(answer->second, "Lost");
    return response;
}

http::Response FakeApi::serve(const http::Request& request, const std::string& path) {
    if (request.method == "POST") return create(request, path);
    if (request.method == "PATCH") return patch(request, path);
    if (request.method == "DELETE") return remove(request, path);
    return read(request, path);
}

http::Response FakeApi::read(const http::Request& request, const std::string& path) const {
    if (const auto found = objects.find(path); found != objects.end()) {
        return {.status = 200, .body = found->second};
    }
    if (!is_collection(path)) return refusal(404, "NotFound");
    const auto wanted = selection(request.path);
    Json items = Json::array();
    for (const auto& each : paths_in(path)) {
        auto object = get(each);
        if (!wanted || is_selected(object, *wanted)) items.push_back(std::move(object));
    }
    return {.status = 200, .body = Json{{"metadata", Json::object()}, {"items", std::move(items)}}.dump()};
}

http::Response FakeApi::create(const http::Request& request, const std::string& path) {
    auto object = Json::parse(request.body);
    const auto where = path + "/" + object.at("metadata").at("name").get<std::string>();
    if (objects.contains(where)) return refusal(409, "AlreadyExists");
    object["metadata"].erase("uid");
    put(where, std::move(object));
    return {.status = 201, .body = objects.at(where)};
}

http::Response FakeApi::patch(const http::Request& request, std::string path) {
    const bool of_status = path.ends_with(kStatus);
    if (of_status) path.resize(path.size() - kStatus.size());
    if (!objects.contains(path)) return refusal(404, "NotFound");
    const auto was = get(path);
    auto now = was;
    const auto wanted = Json::parse(request.body);
    if (request.content_type == "application/json-patch+json") {
        try {
            now = was.patch(wanted);
        } catch (const Json::exception& e) {
            return refusal(422, "Invalid",
                           std::string("the server rejected our request due to an error in our request: ") + e.what());
        }
    } else {
        const auto broken = broken_precondition(was, wanted.value("metadata", Json::object()));
        if (!broken.empty()) return refusal(409, "Conflict", broken);
        now.merge_patch(wanted);
    }
    auto result = of_status ? was : now;
    const auto& status = of_status ? now : was;
    if (status.contains("status")) result["status"] = status.at("status");
    result["metadata"]["resourceVersion"] = was.at("metadata").at("resourceVersion");
    if (result != was) put(path, std::move(result));
    return {.status = 200, .body = objects.at(path)};
}

http::Response FakeApi::remove(const http::Request& request, const std::string& path) {
    const auto found = objects.find(path);
    if (found == objects.end()) return refusal(404, "NotFound");
    const auto options = request.body.empty() ? Json::object() : Json::parse(request.body);
    const auto broken = broken_precondition(get(path), options.value("preconditions", Json::object()));
    if (!broken.empty()) return refusal(409, "Conflict", broken);
    http::Response response{.status = 200, .body = std::exchange(found->second, {})};
    objects.erase(found);
    return response;
}

base::Result<http::Response> FakeApi::stream(const http::Request& request, const http::PieceSink& sink,
                                             const std::stop_token& stop) {
    auto response = exchange(request, stop);
    if (response && response->status == 200) sink(std::exchange(response->body, {}));
    return response;
}

void FakeApi::put(const std::string& path, Json object) {
    auto& metadata = object["metadata"];
    if (!metadata.contains("name")) metadata["name"] = path.substr(path.rfind('/') + 1);
    if (!metadata.contains("uid")) metadata["uid"] = "uid-" + std::to_string(next_uid_++);
    metadata["resourceVersion"] = std::to_string(next_version_++);
    objects[path] = object.dump();
}

void FakeApi::change(const std::string& path, const std::function<void(Json&)>& how) {
    auto object = get(path);
    how(object);
    put(path, std::move(object));
}

Json FakeApi::get(const std::string& path) const {
    const auto found = objects.find(path);
    return found == objects.end() ? Json() : Json::parse(found->second);
}

std::vector<std::string> FakeApi::paths_in(const std::string& collection) const {
    std::vector<std::string> paths;
    for (const auto& [path, text] : objects) {
        const auto at = path.rfind('/');
        if (path.substr(0, at) == collection) paths.push_back(path);
    }
    return paths;
}

std::vector<http::Request> FakeApi::sent(const std::string& method, const std::string& part) const {
    std::vector<http::Request> found;
    std::copy_if(requests.begin(), requests.end(), std::back_inserter(found), [&](const auto& request) {
        return request.method == method && request.path.find(part) != std::string::npos;
    });
    return found;
}

}  // namespace n4b::testing
