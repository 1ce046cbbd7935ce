#include <cstdint>
#include <string_view>

#include "backup-runner/s3/failure.hpp"
#include "backup-runner/s3/percent.hpp"
#include "backup-runner/s3/reply.hpp"
#include "backup-runner/s3/session.hpp"
#include "common/base/http_date.hpp"

/// Whatever an object storage or a token service may reply: lists, sessions, errors, and the headers that are read.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace n4b;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto page = s3::parse_list(text, "")) {
        for (const auto& object : page->objects) {
            if (object.key.empty() || object.bytes < 0) __builtin_trap();
        }
        if (page->truncated && page->continuation.empty()) __builtin_trap();
    }
    if (const auto range = s3::parse_content_range(text); range && range->last >= range->size) __builtin_trap();
    (void)base::parse_http_date(text);
    (void)s3::decode_listed(text);
    for (const auto& session : {s3::parse_assumed_role(text), s3::parse_session(text)}) {
        if (session && (session->credentials.key_id.empty() || session->credentials.secret.empty())) __builtin_trap();
    }
    (void)s3::is_agents_url(text);
    static const auto location = *s3::make_location({.endpoint = "https://s3.example", .bucket = "bucket"});
    const s3::Reply reply{.status = 400,
                          .headers = {{"retry-after", std::string(text)}, {"location", std::string(text)}},
                          .body = std::string(text)};
    for (const char c : s3::explain(location, s3::head_object(location, "k"), reply).error.message) {
        if (c < ' ' || c > '~') __builtin_trap();
    }
    for (const char c : s3::explain_no_session("the token service", reply).message) {
        if (c < ' ' || c > '~') __builtin_trap();
    }
    return 0;
}
