#pragma once

#include <curl/curl.h>

#include <string>
#include <string_view>

#include "common/base/error.hpp"

namespace n4b::object_store {

/// What is known of a transfer that libcurl gave up.
struct CurlFailure {
    CURLcode code = CURLE_OK;
    std::string_view text{};        ///< libcurl's own words.
    long connect_status = 0;        ///< The proxy's answer to CONNECT; 0: none.
    std::string_view proxy_host{};  ///< Empty: no proxy.
    std::string_view host{};        ///< Of the storage, for the message.
};

/// The mistake behind it, with the reason a user is shown. Pure.
base::Error explain_curl_failure(const CurlFailure& failure);

}  // namespace n4b::object_store
