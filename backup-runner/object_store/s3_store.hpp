#pragma once

#include <functional>
#include <memory>

#include "backup-runner/object_store/credentials.hpp"
#include "backup-runner/object_store/http_transport.hpp"
#include "backup-runner/object_store/object_store.hpp"
#include "backup-runner/s3/location.hpp"
#include "backup-runner/s3/retry.hpp"
#include "common/base/clock.hpp"

namespace n4b::object_store {

/// What an S3 store is made of.
struct S3Parts {
    s3::Location location;
    std::unique_ptr<HttpTransport> transport;
    std::unique_ptr<CredentialSource> credentials;
    std::unique_ptr<base::Clock> clock;
    std::function<double()> random{};  ///< Uniform in [0, 1); thread-safe.
    int max_tries = s3::kMaxTries;     ///< Requests for one call, when each fails in a way that is worth repeating.
};

/// Objects in a bucket that is there. Asks nothing yet; calls nothing beyond reading, writing, listing and deleting
/// objects.
std::unique_ptr<ObjectStore> s3_store(S3Parts parts);

}  // namespace n4b::object_store
