#include "backup-runner/object_store/session_issuers.hpp"

#include <fmt/format.h>

#include <span>
#include <utility>

#include "backup-runner/object_store/secret_file.hpp"
#include "backup-runner/s3/percent.hpp"
#include "backup-runner/s3/session.hpp"

namespace n4b::object_store {
namespace {

using base::ErrorCode;
using base::Reason;
using base::Result;

constexpr char kSessionName[] = "neo4j-backup-runner";
constexpr int kNotFound = 404;
/// Seconds that a token of the metadata service is good for; one is fetched for each session.
constexpr char kMetadataTokenLife[] = "60";

/// Sends one request and demands success; `secret` is kept out of messages.
class Exchanger {
public:
    Exchanger(std::string who, std::unique_ptr<HttpTransport> transport, std::unique_ptr<base::Clock> clock)
        : who_(std::move(who)), transport_(std::move(transport)), clock_(std::move(clock)) {}

    /// The reply, whatever its status.
    Result<s3::Reply> send(const s3::SessionRequest& request, const Call& call) {
        auto received = transport_->send({.request = request.request,
                                          .body = std::as_bytes(std::span(request.body)),
                                          .max_reply = s3::kMaxSessionBytes},
                                         call);
        if (!received) return base::fail(received.error().wrap(who_));
        return std::move(received->reply);
    }

    [[nodiscard]] tl::unexpected<base::Error> refusal(const s3::Reply& reply, const std::string& secret) const {
        auto error = s3::explain_no_session(who_, reply);
        error.message = without(std::move(error.message), secret);
        return base::fail(std::move(error));
    }

    [[nodiscard]] Result<IssuedSession> issued(Result<s3::Session> session, const s3::Reply& reply) const {
        if (!session) return base::fail(session.error().wrap(who_));
        IssuedSession issued{.credentials = std::move(session->credentials)};
        // By the issuer's clock alone, where it tells: ours may be another.
        if (session->expires) issued.lifetime = *session->expires - s3::time_of(reply).value_or(clock_->system_now());
        return issued;
    }

    [[nodiscard]] const std::string& who() const { return who_; }

private:
    std::string who_;
    std::unique_ptr<HttpTransport> transport_;
    std::unique_ptr<base::Clock> clock_;
};

class WebIdentityIssuer final : public SessionIssuer {
public:
    WebIdentityIssuer(WebIdentity identity, Exchanger exchanger)
        : identity_(std::move(identity)), exchanger_(std::move(exchanger)) {}

    Result<IssuedSession> issue(const Call& call) override {
        N4B_TRY(const auto token, read_secret_file("web identity token", identity_.token_file));
        const auto request = s3::assume_role(
            identity_.service, {.role_arn = identity_.role_arn,
                                .session_name = identity_.session_name.empty() ? kSessionName : identity_.session_name,
                                .token = token});
        N4B_TRY(const auto reply, exchanger_.send(request, call));
        if (!s3::is_success(reply.status)) return exchanger_.refusal(reply, token);
        return exchanger_.issued(s3::parse_assumed_role(reply.body), reply);
    }

private:
    const WebIdentity identity_;
    Exchanger exchanger_;
};

class AgentIssuer final : public SessionIssuer {
public:
    AgentIssuer(ContainerAgent agent, Exchanger exchanger)
        : agent_(std::move(agent)), exchanger_(std::move(exchanger)) {}

    Result<IssuedSession> issue(const Call& call) override {
        s3::SessionRequest request{.request = {.method = "GET", .url = agent_.url}};
        std::string token;
        if (!agent_.token_file.empty()) {
            N4B_TRY(token, read_secret_file("container authorization token", agent_.token_file));
            request.request.headers.push_back({"authorization", token});
        }
        N4B_TRY(const auto reply, exchanger_.send(request, call));
        if (!s3::is_success(reply.status)) return exchanger_.refusal(reply, token);
        return exchanger_.issued(s3::parse_session(reply.body), reply);
    }

private:
    const ContainerAgent agent_;
    Exchanger exchanger_;
};

class MetadataIssuer final : public SessionIssuer {
public:
    MetadataIssuer(std::string url, Exchanger exchanger) : url_(std::move(url)), exchanger_(std::move(exchanger)) {}

    Result<IssuedSession> issue(const Call& call) override {
        const s3::SessionRequest ask{
            .request = {.method = "PUT",
                        .url = url_ + "/latest/api/token",
                        .headers = {{"x-aws-ec2-metadata-token-ttl-seconds", kMetadataTokenLife}}}};
        N4B_TRY(const auto token, exchanger_.send(ask, call));
        if (!s3::is_success(token.status)) return exchanger_.refusal(token, "");
        if (!can_stand_in_header(token.body)) {
            return base::fail(ErrorCode::kInvalid, Reason::kStorageReplyInvalid,
                              exchanger_.who() + ": found no token, expected printable ASCII without spaces");
        }
        N4B_TRY(const auto roles, get("", token.body, call));
        const bool listed = s3::is_success(roles.status);
        if (!listed && roles.status != kNotFound) return exchanger_.refusal(roles, token.body);
        const auto role = roles.body.substr(0, roles.body.find_first_of("\r\n"));
        if (!listed || role.empty()) {
            return base::fail(ErrorCode::kInvalid, Reason::kStorageCredentialsInvalid,
                              exchanger_.who() + ": this machine has no role");
        }
        N4B_TRY(const auto reply, get(s3::percent_encode(role, s3::Slash::kEncode), token.body, call));
        if (!s3::is_success(reply.status)) return exchanger_.refusal(reply, token.body);
        return exchanger_.issued(s3::parse_session(reply.body), reply);
    }

private:
    Result<s3::Reply> get(const std::string& role, const std::string& token, const Call& call) {
        return exchanger_.send({.request = {.method = "GET",
                                            .url = url_ + "/latest/meta-data/iam/security-credentials/" + role,
                                            .headers = {{"x-aws-ec2-metadata-token", token}}}},
                               call);
    }

    const std::string url_;
    Exchanger exchanger_;
};

}  // namespace

std::unique_ptr<SessionIssuer> web_identity(WebIdentity identity, std::unique_ptr<HttpTransport> transport,
                                            std::unique_ptr<base::Clock> clock) {
    Exchanger exchanger("the token service " + identity.service, std::move(transport), std::move(clock));
    return std::make_unique<WebIdentityIssuer>(std::move(identity), std::move(exchanger));
}

std::unique_ptr<SessionIssuer> container_agent(ContainerAgent agent, std::unique_ptr<HttpTransport> transport,
                                               std::unique_ptr<base::Clock> clock) {
    Exchanger exchanger("the container's agent", std::move(transport), std::move(clock));
    return std::make_unique<AgentIssuer>(std::move(agent), std::move(exchanger));
}

std::unique_ptr<SessionIssuer> instance_metadata(std::string url, std::unique_ptr<HttpTransport> transport,
                                                 std::unique_ptr<base::Clock> clock) {
    Exchanger exchanger("the machine's metadata service", std::move(transport), std::move(clock));
    return std::make_unique<MetadataIssuer>(std::move(url), std::move(exchanger));
}

}  // namespace n4b::object_store
