#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "operator/http/transport.hpp"

namespace n4b::testing {

/// An API server in memory that keeps objects as a real one does, as far as the operator relies on it:
///   GET     an object, or the list of a collection, narrowed by a labelSelector of one equality
///   POST    stores with a uid and a resourceVersion of its own; the name is taken: 409 AlreadyExists
///   PATCH   a merge patch (RFC 7386) or JSON patch (RFC 6902). Another metadata.uid or metadata.resourceVersion than
///   the
///           object's: 409 Conflict. A JSON patch that does not apply: 422. "/status" changes the status only, and the
///           object's own path all but the status. A patch that changes nothing leaves the resourceVersion alone.
///   DELETE  removes at once; another uid or resourceVersion than the precondition's: 409 Conflict
/// Nothing there: 404. One thread at a time.
class FakeApi final : public http::Transport {
public:
    base::Result<http::Response> exchange(const http::Request& request, const std::stop_token& stop) override;
    base::Result<http::Response> stream(const http::Request& request, const http::PieceSink& sink,
                                        const std::stop_token& stop) override;

    /// Puts an object there as somebody else would: it keeps its uid, or gets one, and always gets a resourceVersion.
    void put(const std::string& path, nlohmann::json object);
    /// Changes an object as somebody else would.
    void change(const std::string& path, const std::function<void(nlohmann::json&)>& how);
    [[nodiscard]] nlohmann::json get(const std::string& path) const;
    [[nodiscard]] bool has(const std::string& path) const { return objects.contains(path); }
    /// The objects of a collection, by path.
    [[nodiscard]] std::vector<std::string> paths_in(const std::string& collection) const;

    /// The requests of that method to a path that holds `part`, in the order they came.
    [[nodiscard]] std::vector<http::Request> sent(const std::string& method, const std::string& part) const;
    [[nodiscard]] bool asked(const std::string& method, const std::string& part) const {
        return !sent(method, part).empty();
    }

    std::map<std::string, std::string> objects{};  ///< JSON by path.
    std::map<std::string, int> failures{};  ///< Statuses by method and path, such as "POST /p"; nothing is done then.
    std::map<std::string, int> lost{};      ///< The same, but it is done: only its answer gets lost.
    /// Called before each request is served; a status that it gives is the answer, and nothing is done.
    std::function<std::optional<int>(const http::Request&)> before{};
    /// Called after each request that was served, with the status that it got.
    std::function<void(const http::Request&, int status)> after{};
    std::vector<http::Request> requests{};  ///< In the order they came.

private:
    http::Response serve(const http::Request& request, const std::string& path);
    http::Response read(const http::Request& request, const std::string& path) const;
    http::Response create(const http::Request& request, const std::string& path);
    http::Response patch(const http::Request& request, std::string path);
    http::Response remove(const http::Request& request, const std::string& path);

    std::uint64_t next_version_ = 1;
    std::uint64_t next_uid_ = 1;
};

}  // namespace n4b::testing
