#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <stop_token>
#include <string>

#include "common/base/result.hpp"
#include "operator/http/transport.hpp"
#include "operator/kube/seen_object.hpp"

namespace n4b::kube {

/// One object of the API server's answer, valid during the call.
using JsonSink = std::function<void(const nlohmann::json& object)>;

struct ListResult {
    std::string resource_version{};
    std::string continue_token{};
};

/// What a watch reported, apart from objects.
struct WatchEvent {
    enum class Type { kApplied, kDeleted, kBookmark, kError } type = Type::kApplied;
    std::string resource_version{};
    bool initial_events_end = false;  ///< Of a bookmark: what was there when a streamed list began is through.
    int error_code = 0;               ///< Of kError.
    std::string error_message{};
};
/// object is null for bookmarks and errors. False ends the watch.
using WatchSink = std::function<bool(const WatchEvent& event, const SeenObject* object)>;
/// One object of a list.
using ItemSink = std::function<void(const SeenObject& object)>;

/// Which part of a collection is asked for.
struct CollectionQuery {
    std::string path{};
    std::string query{};    ///< Parameters without "?"; may be empty.
    ObjectLimits limits{};  ///< Of each object.
};

/// The calls of the Kubernetes API that we make, with Status answers as Errors (404 NotFound; 409 AlreadyExists or
/// Conflict by its reason; 401, 403, 410 (DataLoss: the resource version is too old), 422 Invalid, 429 Throttled, 5xx
/// Unavailable). Paths are API paths without host. Thread-safe; blocks.
class Client {
public:
    Client(http::Transport& transport, std::stop_token stop) : transport_(transport), stop_(std::move(stop)) {}

    /// The same with another stop token.
    [[nodiscard]] Client with_stop(std::stop_token stop) const { return {transport_, std::move(stop)}; }
    [[nodiscard]] const std::stop_token& stop_token() const { return stop_; }

    /// GET of one object, handed to the sink.
    base::Result<void> get(const std::string& path, const JsonSink& sink);
    /// One page of a list; `query` without "?". Objects that can't be read are logged and left out.
    base::Result<ListResult> list(const std::string& path, const std::string& query, const JsonSink& item);
    /// The same, with those that can't be read. However long the page is, no more than one object of it is in memory.
    /// Objects are passed on while the page comes, also when it fails in the end.
    base::Result<ListResult> list(const CollectionQuery& collection, const ItemSink& item);
    /// All objects of the collection as they are now, streamed: no page has to be made by the server, nor waited for.
    /// Invalid: the server does not do that (Kubernetes without the feature WatchList).
    base::Result<ListResult> stream_list(const CollectionQuery& collection, const ItemSink& item);
    /// POST of one object; `created`, when given, gets it as the server stored it, with its uid.
    base::Result<void> create(const std::string& path, const std::string& json, const JsonSink& created = {});
    /// Background propagation; an object that is gone already is fine. `uid` is a precondition, and so is the resource
    /// version unless it is empty. Conflict: the object has another resource version by now.
    base::Result<void> remove(const std::string& path, const std::string& uid,
                              const std::string& resource_version = {});
    base::Result<void> merge_patch(const std::string& path, const std::string& json);
    /// RFC 6902. Conflict: the object is not as the patch takes it to be (a `test` failed, or a member that is to be
    /// replaced or removed is not there).
    base::Result<void> json_patch(const std::string& path, const std::string& json);
    /// Passes events until the stream ends or the sink says false. "watch=1" is added to the query.
    base::Result<void> watch(const CollectionQuery& collection, const WatchSink& sink, const std::stop_token& stop);

private:
    base::Result<void> follow(const http::Request& request, const CollectionQuery& collection, const WatchSink& sink,
                              const std::stop_token& stop);
    base::Result<http::Response> call(const http::Request& request);
    /// Feeds the scanner until the answer ends or the scanner has had enough.
    base::Result<void> scan(const http::Request& request, ObjectScanner& scanner, const std::string& where,
                            const std::stop_token& stop);
    http::Transport& transport_;
    std::stop_token stop_;
};

/// Collection and object paths, e.g. "/apis/batch/v1/namespaces/db/jobs"; an empty namespace means all.
std::string collection_path(const std::string& api, const std::string& object_namespace, const std::string& plural);

}  // namespace n4b::kube
