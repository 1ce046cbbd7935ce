#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.hpp"

namespace n4b::s3 {

/// What requests are signed with. Never printed.
struct Credentials {
    std::string key_id{};
    std::string secret{};
    std::string session_token{};  ///< Empty: none.
    bool operator==(const Credentials&) const = default;
};

struct Field {
    std::string name{};  ///< Of a header: in lower case.
    std::string value{};
    bool operator==(const Field&) const = default;
};

/// A request as it is signed.
struct Signable {
    std::string method{};
    std::string path{};            ///< Percent-encoded once, from '/' on.
    std::vector<Field> query{};    ///< Not encoded, in any order; a parameter without value has an empty one.
    std::vector<Field> headers{};  ///< Those to sign, in any order; with host, x-amz-content-sha256 and x-amz-date.
    std::string payload_hash{};
};

/// "20261122T215049Z", what x-amz-date holds.
std::string amz_date(base::SystemTime time);

/// The query as it stands in the URL and in the signature: encoded and sorted.
std::string canonical_query(const std::vector<Field>& query);

/// Signature Version 4 for S3: the text whose hash is signed.
std::string canonical_request(const Signable& request);

/// Signature Version 4 for S3: the value of the header Authorization. `date`: that of x-amz-date. Pure.
std::string authorization(const Signable& request, const Credentials& credentials, std::string_view region,
                          std::string_view date);

}  // namespace n4b::s3
