#include "operator/kube/client.hpp"

#include "common/base/json_object.hpp"
#include "operator/kube/object_scanner.hpp"
#include "operator/telemetry/log.hpp"

namespace n4b::kube {
namespace {

using base::ErrorCode;
using base::Json;
using base::JsonObject;
using base::Result;

// The API server gives each request that is no watch 60 s by itself (--request-timeout).
constexpr auto kListTimeout = std::chrono::seconds(60);

ErrorCode code_of(int status, const std::string& reason) {
    if (status == 409) return reason == "AlreadyExists" ? ErrorCode::kAlreadyExists : ErrorCode::kConflict;
    if (status == 400 || status == 413 || status == 422) return ErrorCode::kInvalid;
    if (status == 401) return ErrorCode::kUnauthenticated;
    if (status == 403) return ErrorCode::kPermissionDenied;
    // A restarted API server knows no custom resource for a moment, and answers "404 page not found" for each: that
    // says nothing about an object, which somebody would then take for deleted.
    if (status == 404) return reason == "NotFound" ? ErrorCode::kNotFound : ErrorCode::kUnavailable;
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

/// The text of a JSON string; empty when it is something else.
std::string string_of(std::string_view json_text) {
    const auto json = base::parse_json(json_text, json_text.size(), "text");
    return json && json->is_string() ? json->get<std::string>() : std::string();
}

bool ends_initial_events(const Json& bookmark) {
    bool ends = false;
    JsonObject(bookmark, "").object("metadata", [&](JsonObject& metadata) {
        metadata.object("annotations", [&](JsonObject& annotations) {
            ends = annotations.value_or<std::string>("k8s.io/initial-events-end", "") == "true";
        });
    });
    return ends;
}

/// One event of a watch, handed on with its object. False when the watch is to end.
bool pass_event(const ScannedDocument& document, const ObjectLimits& limits, const WatchSink& sink) {
    const std::string type = string_of(document.type);
    return parse_object(document.object, limits, [&](const SeenObject& object) {
        if (type == "ERROR") {
            if (object.json == nullptr) return sink({.type = WatchEvent::Type::kError}, nullptr);
            return sink({.type = WatchEvent::Type::kError,
                         .error_code = static_cast<int>(JsonObject(*object.json, "").value_or<std::int64_t>("code", 0)),
                         .error_message = text_of(*object.json, "message")},
                        nullptr);
        }
        WatchEvent event{.resource_version = object.meta.resource_version};
        if (type == "BOOKMARK") {
            event.type = WatchEvent::Type::kBookmark;
            event.initial_events_end = object.json != nullptr && ends_initial_events(*object.json);
            return sink(event, nullptr);
        }
        event.type = type == "DELETED" ? WatchEvent::Type::kDeleted : WatchEvent::Type::kApplied;
        return sink(event, &object);
    });
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

Result<void> read_list_metadata(std::string_view text, ListResult& result) {
    if (text.empty()) return {};
    N4B_TRY(const Json json, base::parse_json(text, text.size(), "metadata"));
    JsonObject metadata(json, "metadata");
    result.resource_version = metadata.value_or<std::string>("resourceVersion", "");
    result.continue_token = metadata.value_or<std::string>("continue", "");
    return metadata.finish();
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
    return list({.path = path, .query = query}, [&](const SeenObject& object) {
        if (object.json != nullptr) return item(*object.json);
        telemetry::warn("an object can't be read",
                        {{"path", path}, {"object", object.meta.key()}, {"error", object.problem}});
    });
}

Result<ListResult> Client::list(const CollectionQuery& collection, const ItemSink& item) {
    ListResult result;
    bool has_items = false;
    base::Result<void> metadata;
    ObjectScanner scanner(
        collection.limits,
        [&](const ScannedObject& object) {
            return parse_object(object, collection.limits, [&](const SeenObject& seen) {
                item(seen);
                return true;
            });
        },
        [&](const ScannedDocument& document) {
            has_items = document.has_items;
            metadata = read_list_metadata(document.metadata, result);
            return true;
        });
    const std::string where = "list " + collection.path;
    const auto path = collection.query.empty() ? collection.path : collection.path + "?" + collection.query;
    N4B_TRY_VOID(scan({.path = path, .body_timeout = kListTimeout}, scanner, where, stop_));
    N4B_TRY_VOID(metadata);
    if (!scanner.complete()) return base::fail(ErrorCode::kUnavailable, where + ": the answer ended early");
    if (!has_items) return base::fail(ErrorCode::kInvalid, where + ": items: expected an array");
    return result;
}

Result<void> Client::scan(const http::Request& request, ObjectScanner& scanner, const std::string& where,
                          const std::stop_token& stop) {
    base::Result<bool> fed = true;
    const auto feed = [&](std::string_view piece) {
        fed = scanner.feed(piece);
        return fed.value_or(false);
    };
    N4B_TRY(const auto response, transport_.stream(request, feed, stop));
    if (response.status != 200) return base::fail(error_of(request, response));
    // Whatever answered so was no API server; the next answer may come from one.
    if (!fed) return base::fail(ErrorCode::kUnavailable, where + ": " + fed.error().message);
    return {};
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

Result<void> Client::watch(const CollectionQuery& collection, const WatchSink& sink, const std::stop_token& stop) {
    std::string path = collection.path + "?watch=1";
    if (!collection.query.empty()) path += "&" + collection.query;
    return follow({.path = path}, collection, sink, stop);
}

Result<void> Client::follow(const http::Request& request, const CollectionQuery& collection, const WatchSink& sink,
                            const std::stop_token& stop) {
    const std::string where = "watch " + collection.path;
    bool broken = false;
    ObjectScanner scanner(
        collection.limits, [](const auto&) { return true; },
        [&](const ScannedDocument& document) {
            broken = !document.has_object;
            return !broken && pass_event(document, collection.limits, sink);
        });
    N4B_TRY_VOID(scan(request, scanner, where, stop));
    if (broken) return base::fail(ErrorCode::kUnavailable, where + ": an event without an object");
    return {};
}

Result<ListResult> Client::stream_list(const CollectionQuery& collection, const ItemSink& item) {
    std::string path =
        collection.path + "?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    if (!collection.query.empty()) path += "&" + collection.query;
    const std::string where = "streamed list " + collection.path;
    std::optional<ListResult> result;
    base::Error problem{.code = ErrorCode::kUnavailable, .message = where + ": it ended early"};
    const auto take = [&](const WatchEvent& event, const SeenObject* object) {
        switch (event.type) {
            case WatchEvent::Type::kApplied:
                item(*object);
                return true;
            case WatchEvent::Type::kBookmark:
                if (event.initial_events_end) result = ListResult{.resource_version = event.resource_version};
                return !result;
            case WatchEvent::Type::kDeleted:
                return false;  // Never before the end of the initial events.
            case WatchEvent::Type::kError:
                problem = {.code = code_of(event.error_code, ""), .message = where + ": " + event.error_message};
                return false;
        }
        return false;
    };
    const auto done = follow({.path = path, .body_timeout = kListTimeout}, collection, take, stop_);
    if (result) return *result;
    if (!done) return base::fail(done.error());
    return base::fail(problem);
}

}  // namespace n4b::kube
