#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "backup-runner/object_store/object_store.hpp"
#include "backup-runner/s3/reply.hpp"
#include "backup-runner/s3/request.hpp"

namespace n4b::object_store {

/// How HTTP is spoken. Certificates are always verified.
struct TransportOptions {
    std::string ca_file{};     ///< PEM; empty: the system's certificates.
    std::string proxy{};       ///< http://[USER:PASSWORD@]HOST:PORT; empty: none.
    std::string proxy_user{};  ///< Beside a proxy whose URL holds none; empty: it demands none.
    std::string proxy_password{};
    std::string no_proxy{};       ///< Hosts that are reached without it, as curl takes them.
    bool allow_insecure = false;  ///< Lets URLs be http://.
    std::chrono::milliseconds connect_timeout{10'000};
    std::chrono::seconds silence_timeout{30};  ///< No byte either way for so long ends a request.
};

/// A request and where its reply goes.
struct Exchange {
    const s3::Request& request;
    std::span<const std::byte> body{};           ///< Of a PUT or POST.
    std::span<std::byte> into{};                 ///< Of a GET that succeeds, when it isn't empty.
    std::size_t max_reply = s3::kMaxErrorBytes;  ///< Of a success; errors are cut off at s3::kMaxErrorBytes.
};

struct Received {
    s3::Reply reply{};
    std::size_t bytes = 0;  ///< In `into`.
};

/// Sends requests. Thread-safe; a connection is used again by the next request.
class HttpTransport {
public:
    virtual ~HttpTransport() = default;

    /// One request and its reply, whatever its status; redirects are replies. Cancelled; Deadline; Unavailable: worth
    /// repeating; Invalid: not. The reason tells what failed: StorageUnreachable, StorageNameNotResolved,
    /// StorageProxyFailed, StorageCertificateInvalid, StorageUnavailable (broke off, silent), StorageReplyInvalid.
    virtual base::Result<Received> send(const Exchange& exchange, const Call& call) = 0;
};

/// By libcurl. Invalid (StorageCertificateInvalid): the CA file can't be used. Invalid (InvalidRunSpec): no proxy's
/// URL.
base::Result<std::unique_ptr<HttpTransport>> curl_transport(const TransportOptions& options);

}  // namespace n4b::object_store
