#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "backup-runner/object_store/s3_store.hpp"
#include "tests/support/fake_s3.hpp"

namespace n4b::testing {

/// What of a store a test wants otherwise.
struct S3TestOptions {
    std::string endpoint{};  ///< Empty: http on loopback, at the port below.
    std::uint16_t port = 0;
    std::string prefix = "pre/fix";
    object_store::TransportOptions transport{.allow_insecure = true};
    std::unique_ptr<object_store::CredentialSource> credentials{};  ///< Null: those that FakeS3 knows.
    int max_tries = s3::kMaxTries;
};

/// An S3 store that waits hardly at all between tries.
inline std::unique_ptr<object_store::ObjectStore> s3_test_store(S3TestOptions options) {
    const auto endpoint =
        options.endpoint.empty() ? "http://127.0.0.1:" + std::to_string(options.port) : options.endpoint;
    auto transport = object_store::curl_transport(options.transport);
    EXPECT_TRUE(transport);
    if (!options.credentials) {
        options.credentials =
            *object_store::fixed_credentials({.key_id = S3Habits{}.key_id, .secret = "geheim-secret"});
    }
    return object_store::s3_store(
        {.location = *s3::make_location(
             {.endpoint = endpoint, .bucket = "bucket", .prefix = options.prefix, .allow_insecure = true}),
         .transport = std::move(*transport),
         .credentials = std::move(options.credentials),
         .clock = std::make_unique<base::RealClock>(),
         .random = [] { return 0.0; },
         .max_tries = options.max_tries});
}

}  // namespace n4b::testing
