#include "backup-runner/object_store/curl_errors.hpp"

#include <fmt/format.h>

#include "backup-runner/s3/percent.hpp"

namespace n4b::object_store {
namespace {

using base::ErrorCode;
using base::Reason;

struct Meaning {
    ErrorCode code;
    Reason reason;
};

constexpr int kFirstRedirect = 300;

/// libcurl has one code for a proxy and a server that refuse; only its text says which of them it was.
bool is_proxys(const CurlFailure& failure) {
    if (failure.proxy_host.empty()) return false;
    if (failure.connect_status >= kFirstRedirect) return true;
    return failure.text.find(fmt::format("connect to {} port", failure.proxy_host)) != std::string_view::npos;
}

Meaning meaning_of(const CurlFailure& failure) {
    const auto tells = [&](std::string_view text) { return failure.text.find(text) != std::string_view::npos; };
    if (is_proxys(failure)) return {ErrorCode::kUnavailable, Reason::kStorageProxyFailed};
    switch (failure.code) {
        case CURLE_COULDNT_RESOLVE_PROXY:
        case CURLE_PROXY:
            return {ErrorCode::kUnavailable, Reason::kStorageProxyFailed};
        case CURLE_COULDNT_RESOLVE_HOST:
            return {ErrorCode::kUnavailable, Reason::kStorageNameNotResolved};
        case CURLE_COULDNT_CONNECT:
        case CURLE_SSL_CONNECT_ERROR:
            return {ErrorCode::kUnavailable, Reason::kStorageUnreachable};
        case CURLE_OPERATION_TIMEDOUT:
            if (tells("Resolving")) return {ErrorCode::kUnavailable, Reason::kStorageNameNotResolved};
            return {ErrorCode::kUnavailable, Reason::kStorageUnreachable};
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_CACERT_BADFILE:
        case CURLE_SSL_ISSUER_ERROR:
        case CURLE_SSL_INVALIDCERTSTATUS:
        case CURLE_SSL_CERTPROBLEM:
            return {ErrorCode::kInvalid, Reason::kStorageCertificateInvalid};
        case CURLE_UNSUPPORTED_PROTOCOL:  // HTTP/0.9: whatever answers is no HTTP server.
        case CURLE_WEIRD_SERVER_REPLY:
        case CURLE_BAD_CONTENT_ENCODING:
        case CURLE_TOO_MANY_REDIRECTS:
            return {ErrorCode::kInvalid, Reason::kStorageReplyInvalid};
        case CURLE_OUT_OF_MEMORY:
        case CURLE_FAILED_INIT:
        case CURLE_BAD_FUNCTION_ARGUMENT:
        case CURLE_URL_MALFORMAT:
            return {ErrorCode::kInternal, Reason::kInternalError};
        default:
            return {ErrorCode::kUnavailable, Reason::kStorageUnavailable};
    }
}

}  // namespace

base::Error explain_curl_failure(const CurlFailure& failure) {
    const auto meaning = meaning_of(failure);
    const auto text = failure.text.empty() ? std::string_view(curl_easy_strerror(failure.code)) : failure.text;
    const auto where = meaning.reason == Reason::kStorageProxyFailed
                           ? fmt::format("proxy {} to {}", s3::printable(failure.proxy_host), failure.host)
                           : std::string(failure.host);
    return {
        .code = meaning.code, .message = fmt::format("{}: {}", where, s3::printable(text)), .reason = meaning.reason};
}

}  // namespace n4b::object_store
