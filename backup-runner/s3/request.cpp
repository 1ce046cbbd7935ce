#include "backup-runner/s3/request.hpp"

#include <fmt/format.h>

#include "backup-runner/s3/percent.hpp"
#include "common/base/rfc3339.hpp"

namespace n4b::s3 {
namespace {

std::string path_of(const Location& location, const Operation& operation) {
    const auto key = percent_encode(operation.key, Slash::kKeep);
    if (!location.path_style) return "/" + key;
    return "/" + location.bucket + (key.empty() ? "" : "/" + key);
}

}  // namespace

Operation put_object(const Location& location, std::string_view key) {
    Operation operation{.name = "PutObject",
                        .method = "PUT",
                        .key = location.prefix + std::string(key),
                        .writes = true,
                        .stores = true};
    switch (location.encryption) {
        case Encryption::kNone:
            break;
        case Encryption::kAes256:
            operation.headers.push_back({"x-amz-server-side-encryption", "AES256"});
            break;
        case Encryption::kKms:
            operation.headers.push_back({"x-amz-server-side-encryption", "aws:kms"});
            // An empty optional header is worse than none: some stores refuse it.
            if (!location.kms_key_id.empty()) {
                operation.headers.push_back({"x-amz-server-side-encryption-aws-kms-key-id", location.kms_key_id});
            }
            break;
    }
    return operation;
}

Operation create_object(const Location& location, std::string_view key) {
    auto operation = put_object(location, key);
    operation.conditional = true;
    operation.headers.push_back({"if-none-match", "*"});
    return operation;
}

Operation get_object(const Location& location, std::string_view key, std::int64_t offset, std::int64_t length) {
    return {.name = "GetObject",
            .method = "GET",
            .key = location.prefix + std::string(key),
            .headers = {{"range", fmt::format("bytes={}-{}", offset, offset + length - 1)}}};
}

Operation head_object(const Location& location, std::string_view key) {
    return {.name = "HeadObject", .method = "HEAD", .key = location.prefix + std::string(key)};
}

Operation delete_object(const Location& location, std::string_view key) {
    return {.name = "DeleteObject", .method = "DELETE", .key = location.prefix + std::string(key), .writes = true};
}

Operation list_objects(const Location& location, std::string_view prefix, const PageStart& start, int max_keys) {
    // Without encoding-type a control character in somebody's key would make the reply no XML.
    Operation operation{.name = "ListObjectsV2",
                        .method = "GET",
                        .query = {{"list-type", "2"},
                                  {"prefix", location.prefix + std::string(prefix)},
                                  {"max-keys", std::to_string(max_keys)},
                                  {"encoding-type", "url"}}};
    if (!start.continuation.empty()) {
        operation.query.push_back({"continuation-token", start.continuation});
    } else if (!start.after.empty()) {
        operation.query.push_back({"start-after", start.after});
    }
    return operation;
}

bool is_locked(const Location& location, const Operation& operation) {
    return operation.stores && location.lock.mode != LockMode::kNone;
}

Request sign(const Location& location, const Operation& operation, const Payload& payload,
             const Credentials& credentials, base::SystemTime now) {
    const auto date = amz_date(now);
    Signable signable{.method = operation.method,
                      .path = path_of(location, operation),
                      .query = operation.query,
                      .headers = operation.headers,
                      .payload_hash = payload.sha256};
    signable.headers.push_back({"host", location.host});
    signable.headers.push_back({"x-amz-content-sha256", payload.sha256});
    signable.headers.push_back({"x-amz-date", date});
    if (!credentials.session_token.empty()) {
        signable.headers.push_back({"x-amz-security-token", credentials.session_token});
    }
    if (is_locked(location, operation)) {
        const bool compliance = location.lock.mode == LockMode::kCompliance;
        signable.headers.push_back({"x-amz-object-lock-mode", compliance ? "COMPLIANCE" : "GOVERNANCE"});
        // By the storage's time, once it has refused our own.
        signable.headers.push_back(
            {"x-amz-object-lock-retain-until-date", base::format_rfc3339(now + location.lock.time)});
        signable.headers.push_back({"content-md5", payload.md5_base64});
    }
    const auto query = canonical_query(operation.query);
    Request request{.method = operation.method,
                    .url = fmt::format("{}://{}{}{}{}", location.scheme, location.host, signable.path,
                                       query.empty() ? "" : "?", query),
                    .headers = signable.headers};
    request.headers.push_back({"authorization", authorization(signable, credentials, location.region, date)});
    return request;
}

std::string describe(const Location& location, const Operation& operation) {
    return operation.key.empty()
               ? fmt::format("{} in bucket {}", operation.name, location.bucket)
               : fmt::format("{} of {} in bucket {}", operation.name, printable(operation.key), location.bucket);
}

}  // namespace n4b::s3
