#pragma once

#include <memory>
#include <string>

#include "backup-runner/object_store/http_transport.hpp"
#include "backup-runner/object_store/session_credentials.hpp"
#include "common/base/clock.hpp"

namespace n4b::object_store {

/// A role that a token service gives for the token in a file.
struct WebIdentity {
    std::string service{};       ///< "https://HOST[:PORT]"
    std::string role_arn{};      ///< Empty: none is named.
    std::string session_name{};  ///< Empty: "neo4j-backup-runner". What the storage's audit log shows.
    std::string token_file{};    ///< Read anew for each session, since a kubelet renews it.
};

/// Sessions by AssumeRoleWithWebIdentity. Invalid (StorageCredentialsInvalid): the file can't be read or holds no
/// token; the message names the file and nothing of what it holds.
std::unique_ptr<SessionIssuer> web_identity(WebIdentity identity, std::unique_ptr<HttpTransport> transport,
                                            std::unique_ptr<base::Clock> clock);

/// An agent beside the container, such as that of EKS Pod Identity.
struct ContainerAgent {
    std::string url{};         ///< s3::is_agents_url
    std::string token_file{};  ///< What is shown to it; empty: nothing. Read anew for each session.
};

/// Sessions from an agent. Errors as above.
std::unique_ptr<SessionIssuer> container_agent(ContainerAgent agent, std::unique_ptr<HttpTransport> transport,
                                               std::unique_ptr<base::Clock> clock);

/// Sessions of the role of the machine (IMDSv2): whoever asks gets them. `url`: "http://169.254.169.254". Invalid
/// (StorageCredentialsInvalid): the machine has no role.
std::unique_ptr<SessionIssuer> instance_metadata(std::string url, std::unique_ptr<HttpTransport> transport,
                                                 std::unique_ptr<base::Clock> clock);

}  // namespace n4b::object_store
