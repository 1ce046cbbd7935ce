#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "common/base/result.hpp"
#include "operator/http/transport.hpp"

namespace n4b::http {

struct TransportOptions {
    std::string base_url{};  ///< "https://kubernetes.default.svc"; no IPv6 literal (cpprestsdk can't resolve it).
    std::string ca_pem{};    ///< The only trusted roots.
    std::string client_certificate{};             ///< PEM chain; empty: none.
    std::string client_key{};                     ///< PEM.
    std::function<std::string()> bearer_token{};  ///< Asked for each request; may be empty.
    /// Silence after which a stream is given up: a bookmark comes about every minute, two may be lost. Where a server
    /// sends none, the watch begins anew at the same version.
    std::chrono::milliseconds stream_gap = std::chrono::seconds(150);
};

/// Prepares cpprestsdk's global thread pool; call once, before the first transport.
void initialize_http();

/// A transport on cpprestsdk, with one connection pool for exchanges and one for streams.
/// Invalid: base_url is no http(s) URL, or names an IPv6 literal; the PEM texts can't be read.
base::Result<std::unique_ptr<Transport>> make_cpprest_transport(TransportOptions options);

}  // namespace n4b::http
