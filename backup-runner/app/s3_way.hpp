#pragma once

#include <memory>
#include <string>

#include "backup-runner/app/store_opening.hpp"
#include "backup-runner/object_store/credentials.hpp"
#include "backup-runner/object_store/http_transport.hpp"
#include "backup-runner/s3/location.hpp"
#include "common/base/result.hpp"

namespace n4b::runner {

/// The way to a server of the storage: its CA, and the choice's proxy, or that of the environment for the scheme
/// ("https" or "http"). The same for the bucket and for the token service. Invalid (StorageCredentialsInvalid): the
/// proxy's credentials can't be read. Errors as curl_transport's.
base::Result<std::unique_ptr<object_store::HttpTransport>> open_way(const S3Choice& choice, const std::string& scheme);

/// What requests to the bucket are signed with. Of the environment it reads what Amazon's SDKs do: AWS_ACCESS_KEY_ID,
/// AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN; AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_ARN, AWS_ROLE_SESSION_NAME,
/// AWS_ENDPOINT_URL_STS; AWS_CONTAINER_CREDENTIALS_FULL_URI, AWS_CONTAINER_CREDENTIALS_RELATIVE_URI,
/// AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE; and for the machine's role AWS_EC2_METADATA_SERVICE_ENDPOINT. Where the
/// choice leaves it to the environment, that must name one source: none is tried because another one is missing or has
/// failed, and the machine's role is taken only when it is asked for. Asks nobody yet. Invalid
/// (StorageCredentialsInvalid, InvalidRunSpec).
base::Result<std::unique_ptr<object_store::CredentialSource>> open_credentials(const S3Choice& choice,
                                                                               const s3::Location& location);

}  // namespace n4b::runner
