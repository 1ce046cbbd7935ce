#pragma once

#include <memory>
#include <string>

#include "backup-runner/object_store/object_store.hpp"
#include "backup-runner/s3/signature.hpp"
#include "common/base/result.hpp"

namespace n4b::object_store {

/// Where keys come from. Thread-safe.
class CredentialSource {
public:
    virtual ~CredentialSource() = default;
    /// What to sign with now; never empty. Invalid (StorageCredentialsInvalid): the message names what is missing, and
    /// nothing of what is there. Sources that ask somebody else for them: also Unauthenticated, for good
    /// (StorageCredentialsRejected); Unavailable or Throttled, worth another try; Cancelled and Deadline. They block.
    virtual base::Result<s3::Credentials> current(const Call& call) = 0;

    /// The same after the storage has refused some: others, where they can be had.
    virtual base::Result<s3::Credentials> after_refusal_of(const s3::Credentials& refused, const Call& call) = 0;
};

/// From the files of a directory, as a mounted Secret has them, read anew each time so that a rotated Secret counts
/// at once: `access-key-id`, `secret-access-key` and optionally `session-token`, or the same under the names of
/// Amazon's environment variables (AWS_ACCESS_KEY_ID, ...). White space at a file's end is no part of it.
std::unique_ptr<CredentialSource> directory_credentials(const std::string& directory);

/// Always the same. Invalid (StorageCredentialsInvalid): key id or secret is empty.
base::Result<std::unique_ptr<CredentialSource>> fixed_credentials(const s3::Credentials& credentials);

}  // namespace n4b::object_store
