#include "operator/kube/client.hpp"

#include "common/base/json_object.hpp"

namespace n4b::kube {
namespace {

using base::ErrorCode;
using base::Json;
using base::JsonObject;
using base::Result;

constexpr std::size_t kMaxWatchLineBytes = std::size_t{8} << 20;  // etcd refuses objects above 1.5 MiB.

ErrorCode code_of(int status, const std::string& reason) {
    if (status == 409) return reason == "AlreadyExists" ? ErrorCode::kAlreadyExists : ErrorCode::kConflict;
    if (status == 400 || status == 413 || status == 422) return ErrorCode::kInvalid;
    if (status == 401) return ErrorCode::kUnauthenticated;
    if (status == 403) return ErrorCode::kPermissionDenied;
    if (status == 404) return ErrorCode::kNotFound;
    if (status == 410) return ErrorCode::kDataLoss;
    if (status == 429) return ErrorCode::kThrottled;
    if (status >= 500) return ErrorCode::kUnavailable;
    return ErrorCode::kInternal;
}

/// A member's text; empty when it is absent or something else, since a proxy may answer in the server's place.
std::string text_of(const Json& json, const char* key) {
    return JsonObject(json, "").value_or<std::string>(key, "");
}

base::Error error_of(const http::Request& request, const http::Response& response) {
    std::string message = fmt::format("HTTP {}", response.status);
    std::string reason;
    if (const auto json = base::parse_json(response.body, http::kMaxBodyBytes, "answer"); json && json->is_object()) {
        if (auto told = text_of(*json, "message"); !told.empty()) message = std::move(told);
        reason = text_of(*json, "reason");
    }
    const std::string path = request.path.substr(0, request.path.find('?'));
    return {.code = code_of(response.status, reason),
            .message = fmt::format("{} {}: {}", request.method, path, message.substr(0, 1024)),
            .retry_after = response.retry_after};
}

/// Whether a JSON patch could not be applied to the object as it is: a `test` failed, or a member was not there. The
/// server then says 422 as it does of an object that its schema refuses; what tells the two apart is that nothing is
/// named (apiserver/pkg/endpoints/handlers/patch.go: NewGenericServerResponse without a cause).
bool patch_did_not_apply(const http::Response& response) {
    if (response.status != 422) return false;
    const auto json = base::parse_json(response.body, http::kMaxBodyBytes, "answer");
    if (!json || !json->is_object()) return false;
    const auto details = json->find("details");
    if (details != json->end() && details->is_object()) {
        const auto causes = details->find("causes");
        if (causes != details->end() && !causes->empty()) return false;
    }
    const auto message = text_of(*json, "message");
    return message.starts_with("the server rejected our request due to an error in our request") ||
           message.find("test failed") != std::string::npos;
}

/// Whether a 409 to a DELETE says that the object changed, rather than that another one bears its name.
bool changed_since(const base::Error& error) {
    return error.message.find("ResourceVersion in precondition") != std::string::npos;
}

}  // namespace

std::string collection_path(const std::string& api, const std::string& object_namespace, const std::string& plural) {
    return object_namespace.empty() ? fmt::format("{}/{}", api, plural)
                                    : fmt::format("{}/namespaces/{}/{}", api, object_namespace, plural);
}

Result<http::Response> Client::call(const http::Request& request) {
    N4B_TRY(auto response, transport_.exchange(request, stop_));
    if (response.status < 200 || response.status > 299) return base::fail(error_of(request, response));
    return response;
}

Result<void> Client::get(const std::string& path, const JsonSink& sink) {
    N4B_TRY(const auto response, call({.path = path}));
    N4B_TRY(const Json json, base::parse_json(response.body, http::kMaxBodyBytes, path));
    sink(json);
    return {};
}

Result<ListResult> Client::list(const std::string& path, const std::string& query, const JsonSink& item) {
    N4B_TRY(const auto response, call({.path = query.empty() ? path : path + "?" + query}));
    N4B_TRY(const Json json, base::parse_json(response.body, http::kMaxBodyBytes, "list " + path));
    JsonObject object(json, "");
    ListResult result;
    object.object("metadata", [&](JsonObject& metadata) {
        result.resource_version = metadata.value_or<std::string>("resourceVersion", "");
        result.continue_token = metadata.value_or<std::string>("continue", "");
    });
    N4B_TRY_VOID(object.finish());
    const auto items = json.find("items");
    if (items == json.end() || !(items->is_array() || items->is_null())) {
        return base::fail(ErrorCode::kInvalid, fmt::format("list {}: items: expected an array", path));
    }
    for (const auto& element : *items) item(element);
    return result;
}

Result<void> Client::create(const std::string& path, const std::string& json, const JsonSink& created) {
    N4B_TRY(const auto response,
            call({.method = "POST", .path = path, .content_type = "application/json", .body = json}));
    if (!created) return {};
    N4B_TRY(const Json object, base::parse_json(response.body, http::kMaxBodyBytes, "POST " + path));
    created(object);
    return {};
}

Result<void> Client::remove(const std::string& path, const std::string& uid, const std::string& resource_version) {
    Json preconditions{{"uid", uid}};
    if (!resource_version.empty()) preconditions["resourceVersion"] = resource_version;
    const Json options{{"kind", "DeleteOptions"},
                       {"apiVersion", "v1"},
                       {"propagationPolicy", "Background"},
                       {"preconditions", preconditions}};
    const auto done =
        call({.method = "DELETE", .path = path, .content_type = "application/json", .body = options.dump()});
    if (done || done.error().code == ErrorCode::kNotFound) return {};
    // The uid differs, so the object that was meant is gone.
    if (done.error().code == ErrorCode::kConflict && !changed_since(done.error())) return {};
    return base::fail(done.error());
}

Result<void> Client::merge_patch(const std::string& path, const std::string& json) {
    N4B_TRY_VOID(call({.method = "PATCH", .path = path, .content_type = "application/merge-patch+json", .body = json}));
    return {};
}

Result<void> Client::json_patch(const std::string& path, const std::string& json) {
    const http::Request request{
        .method = "PATCH", .path = path, .content_type = "application/json-patch+json", .body = json};
    N4B_TRY(const auto response, transport_.exchange(request, stop_));
    if (response.status >= 200 && response.status <= 299) return {};
    auto error = error_of(request, response);
    if (patch_did_not_apply(response)) error.code = ErrorCode::kConflict;
    return base::fail(std::move(error));
}

Result<void> Client::watch(const std::string& path, const std::string& query, const WatchSink& sink,
                           const std::stop_token& stop) {
    std::optional<base::Error> broken;
    const auto on_line = [&](std::string_view line) {
        const auto json = base::parse_json(line, kMaxWatchLineBytes, "watch " + path);
        if (!json || !json->is_object() || !json->contains("object") || !json->at("object").is_object()) {
            broken = base::Error{ErrorCode::kUnavailable, "watch " + path + ": an event that can't be read"};
            return false;
        }
        const Json& object = json->at("object");
        const std::string type = text_of(*json, "type");
        WatchEvent event;
        if (type == "ERROR") {
            event = {.type = WatchEvent::Type::kError,
                     .error_code = static_cast<int>(JsonObject(object, "").value_or<std::int64_t>("code", 0)),
                     .error_message = text_of(object, "message")};
            return sink(event, nullptr);
        }
        if (const auto metadata = object.find("metadata"); metadata != object.end()) {
            event.resource_version = text_of(*metadata, "resourceVersion");
        }
        if (type == "BOOKMARK") {
            event.type = WatchEvent::Type::kBookmark;
            return sink(event, nullptr);
        }
        event.type = type == "DELETED" ? WatchEvent::Type::kDeleted : WatchEvent::Type::kApplied;
        return sink(event, &object);
    };
    const http::Request request{.path = path + "?" + query};
    N4B_TRY(const auto response, transport_.stream(request, on_line, stop));
    if (broken) return base::fail(*broken);
    if (response.status != 200) return base::fail(error_of(request, response));
    return {};
}

}  // namespace n4b::kube
