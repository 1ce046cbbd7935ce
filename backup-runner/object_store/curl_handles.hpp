#pragma once

#include <curl/curl.h>

#include <array>
#include <memory>
#include <string>

namespace n4b::object_store {

struct EasyDeleter {
    void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct MultiDeleter {
    void operator()(CURLM* handle) const { curl_multi_cleanup(handle); }
};
struct ListDeleter {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
struct UrlDeleter {
    void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using EasyHandle = std::unique_ptr<CURL, EasyDeleter>;
using MultiHandle = std::unique_ptr<CURLM, MultiDeleter>;
using HeaderList = std::unique_ptr<curl_slist, ListDeleter>;
using UrlHandle = std::unique_ptr<CURLU, UrlDeleter>;

/// One connection's worth of libcurl, used by one request at a time. A multi handle of its own lets a request be ended
/// at any moment, which an easy handle alone doesn't; connections live in it from one request to the next.
struct CurlSession {
    MultiHandle multi{curl_multi_init()};
    EasyHandle easy{curl_easy_init()};
    std::array<char, CURL_ERROR_SIZE> error{};
};

}  // namespace n4b::object_store
