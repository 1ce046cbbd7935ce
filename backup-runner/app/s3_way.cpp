#include "backup-runner/app/s3_way.hpp"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "backup-runner/app/environment.hpp"
#include "backup-runner/object_store/secret_file.hpp"
#include "backup-runner/object_store/session_credentials.hpp"
#include "backup-runner/object_store/session_issuers.hpp"
#include "backup-runner/s3/session.hpp"

namespace n4b::runner {
namespace {

using base::Result;
using contract::S3CredentialsFrom;
using object_store::CredentialSource;
using object_store::HttpTransport;
using object_store::TransportOptions;
using Opened = Result<std::unique_ptr<CredentialSource>>;

constexpr char kKeyId[] = "AWS_ACCESS_KEY_ID";
constexpr char kSecret[] = "AWS_SECRET_ACCESS_KEY";
constexpr char kTokenService[] = "AWS_ENDPOINT_URL_STS";
constexpr char kTokenFile[] = "AWS_WEB_IDENTITY_TOKEN_FILE";
constexpr char kAgentUrl[] = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
constexpr char kAgentPath[] = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
/// Where the agent of ECS listens, which names a path only.
constexpr char kAgentHost[] = "http://169.254.170.2";
constexpr char kMetadataHost[] = "http://169.254.169.254";
/// Agents and metadata services are on this machine or its link: who does not answer soon is not there.
constexpr std::chrono::milliseconds kNearConnect{2'000};
constexpr std::chrono::seconds kNearSilence{5};

tl::unexpected<base::Error> bad(std::string message) {
    return base::fail(base::ErrorCode::kInvalid, base::Reason::kStorageCredentialsInvalid, std::move(message));
}

std::unique_ptr<base::Clock> real_clock() {
    return std::make_unique<base::RealClock>();
}

Result<std::unique_ptr<HttpTransport>> open_near_way() {
    return object_store::curl_transport(
        {.allow_insecure = true, .connect_timeout = kNearConnect, .silence_timeout = kNearSilence});
}

Opened keys_of_environment() {
    return object_store::fixed_credentials({.key_id = from_environment({kKeyId}),
                                            .secret = from_environment({kSecret}),
                                            .session_token = from_environment({"AWS_SESSION_TOKEN"})});
}

Opened open_web_identity(const S3Choice& choice, const s3::Location& location) {
    const auto& asked = choice.web_identity;
    // A token and the role that trusts it belong together.
    const bool own = !asked.token_file.empty();
    object_store::WebIdentity identity{
        .role_arn = own || !asked.role_arn.empty() ? asked.role_arn : from_environment({"AWS_ROLE_ARN"}),
        .session_name = from_environment({"AWS_ROLE_SESSION_NAME"}),
        .token_file = own ? asked.token_file : from_environment({kTokenFile})};
    if (identity.token_file.empty()) {
        return bad(
            fmt::format("web identity: no file with a token is named, and {} is missing in the environment; EKS "
                        "sets it where the pod's service account is annotated with a role",
                        kTokenFile));
    }
    const auto endpoint = asked.sts_endpoint.empty() ? from_environment({kTokenService}) : asked.sts_endpoint;
    if (endpoint.empty()) {
        identity.service = s3::usual_token_service(location);
    } else {
        N4B_TRY(identity.service, s3::make_origin("token service", endpoint, choice.location.allow_insecure));
    }
    N4B_TRY(auto way, open_way(choice, identity.service.substr(0, identity.service.find(':'))));
    return object_store::session_credentials(
        object_store::web_identity(std::move(identity), std::move(way), real_clock()), real_clock());
}

Opened open_pod_identity() {
    auto url = from_environment({kAgentUrl});
    const auto path = from_environment({kAgentPath});
    if (url.empty() && !path.empty()) url = kAgentHost + path;
    if (url.empty()) {
        return bad(
            fmt::format("pod identity: {} is missing in the environment; EKS sets it where the pod's service "
                        "account has an association with a role",
                        kAgentUrl));
    }
    if (!s3::is_agents_url(url)) {
        return bad(fmt::format("{}: expected https://, or http:// to this machine or an address of Amazon's agents",
                               kAgentUrl));
    }
    N4B_TRY(auto way, open_near_way());
    return object_store::session_credentials(
        object_store::container_agent(
            {.url = std::move(url), .token_file = from_environment({"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"})},
            std::move(way), real_clock()),
        real_clock());
}

Opened open_instance_metadata() {
    auto url = from_environment({"AWS_EC2_METADATA_SERVICE_ENDPOINT"});
    if (url.empty()) url = kMetadataHost;
    N4B_TRY(auto origin, s3::make_origin("AWS_EC2_METADATA_SERVICE_ENDPOINT", url, true));
    N4B_TRY(auto way, open_near_way());
    return object_store::session_credentials(
        object_store::instance_metadata(std::move(origin), std::move(way), real_clock()), real_clock());
}

/// The only source that the environment names.
Opened open_automatic(const S3Choice& choice, const s3::Location& location) {
    std::vector<const char*> found;
    if (!from_environment({kKeyId, kSecret}).empty()) found.push_back(kKeyId);
    if (!from_environment({kTokenFile}).empty()) found.push_back(kTokenFile);
    if (!from_environment({kAgentUrl, kAgentPath}).empty()) found.push_back(kAgentUrl);
    if (found.size() > 1) {
        return bad(
            fmt::format("found both {} and {} in the environment, expected one of them, or --s3-credentials to "
                        "say which one is meant",
                        found[0], found[1]));
    }
    if (found.empty() || found[0] == kKeyId) {
        auto keys = keys_of_environment();
        if (!keys) return base::fail(keys.error().wrap("no --credentials-dir is given, and in the environment"));
        return keys;
    }
    if (found[0] != kTokenFile) return open_pod_identity();
    // The token that EKS gives to a pod is good for Amazon: whoever else gets it can use it there.
    const bool service_is_known = s3::amazons_token_service(location) || !from_environment({kTokenService}).empty();
    if (!service_is_known && choice.web_identity.sts_endpoint.empty()) {
        return bad(
            fmt::format("found {} in the environment, and a storage that is not Amazon's; expected --s3-credentials "
                        "web-identity or {} to say that the token is meant for it",
                        kTokenFile, kTokenService));
    }
    return open_web_identity(choice, location);
}

}  // namespace

Result<std::unique_ptr<HttpTransport>> open_way(const S3Choice& choice, const std::string& scheme) {
    TransportOptions options{.ca_file = choice.ca_file, .allow_insecure = choice.location.allow_insecure};
    if (!choice.proxy) {
        options.proxy = scheme == "http" ? from_environment({"HTTP_PROXY", "http_proxy"})
                                         : from_environment({"HTTPS_PROXY", "https_proxy"});
        options.no_proxy = from_environment({"NO_PROXY", "no_proxy"});
        return object_store::curl_transport(options);
    }
    options.proxy = choice.proxy->url;
    options.no_proxy = choice.proxy->no_proxy;
    if (const auto& directory = choice.proxy->credentials_dir; !directory.empty()) {
        N4B_TRY(options.proxy_user, object_store::read_secret_file("proxy credentials", directory + "/username"));
        N4B_TRY(options.proxy_password, object_store::read_secret_file("proxy credentials", directory + "/password"));
    }
    return object_store::curl_transport(options);
}

Opened open_credentials(const S3Choice& choice, const s3::Location& location) {
    if (!choice.credentials_dir.empty()) return object_store::directory_credentials(choice.credentials_dir);
    switch (choice.credentials_from) {
        case S3CredentialsFrom::kAutomatic:
            return open_automatic(choice, location);
        case S3CredentialsFrom::kWebIdentity:
            return open_web_identity(choice, location);
        case S3CredentialsFrom::kPodIdentity:
            return open_pod_identity();
        case S3CredentialsFrom::kInstanceMetadata:
            return open_instance_metadata();
    }
    return open_automatic(choice, location);
}

}  // namespace n4b::runner
