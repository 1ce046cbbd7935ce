#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "backup-runner/s3/location.hpp"
#include "backup-runner/s3/reply.hpp"
#include "backup-runner/s3/request.hpp"
#include "backup-runner/s3/signature.hpp"
#include "common/base/clock.hpp"
#include "common/base/result.hpp"

namespace n4b::s3 {

/// Credentials that are good for a while.
struct Session {
    Credentials credentials{};
    std::optional<base::SystemTime> expires{};  ///< By the clock of whoever issued them; nothing: never.
};

/// The bytes of an answer with a session that are read at most; session tokens have a few KiB.
inline constexpr std::size_t kMaxSessionBytes = std::size_t{64} * 1024;

enum class Freshness {
    kFresh,
    kDue,   ///< Still good, but it is time for another one.
    kOver,  ///< A request that is signed with it now may come too late.
};

/// How fresh a session is of whose `lifetime` there is that much `left`. It is due ten minutes before its end, or after
/// half of a shorter life; and over 30 seconds before its end, or when an eighth of a shorter life is left.
Freshness freshness_of(std::chrono::milliseconds left, std::chrono::milliseconds lifetime);

/// What is asked of a token service (AssumeRoleWithWebIdentity).
struct RoleWanted {
    std::string role_arn{};  ///< Empty: none is named, which stores other than Amazon's may take.
    std::string session_name{};
    std::string token{};  ///< A JSON Web Token. Secret.
};

/// A request with a body, none of which is signed.
struct SessionRequest {
    Request request{};
    std::string body{};
};

/// Amazon's token service of the region, for Amazon's buckets; nothing for those of others.
std::optional<std::string> amazons_token_service(const Location& location);

/// Where the token service of a storage is: Amazon's of the region for Amazon's buckets; else the storage's own
/// endpoint, as MinIO and Ceph have it. "https://HOST[:PORT]".
std::string usual_token_service(const Location& location);

/// The request for a session of a role. `service`: "https://HOST[:PORT]". Pure, as all here.
SessionRequest assume_role(const std::string& service, const RoleWanted& wanted);

/// Reads the answer of a token service. Invalid (StorageReplyInvalid): no such answer, a part of it is missing, or is
/// nothing that can stand in a header. The message holds nothing of what was found there.
base::Result<Session> parse_assumed_role(std::string_view xml);

/// Reads what an agent of a container, or an instance's metadata service, answers: AccessKeyId, SecretAccessKey, Token,
/// Expiration. Errors as above.
base::Result<Session> parse_session(std::string_view json);

/// Explains why there is no session. `who` was asked: "the token service https://...". The code is Unavailable or
/// Throttled: worth another try; Unauthenticated (StorageCredentialsRejected): what was sent is not taken; Invalid
/// (StorageReplyInvalid): whatever answers issues none.
base::Error explain_no_session(std::string_view who, const Reply& reply);

/// Whether keys may be fetched from this URL: https://, or http:// to this machine or to the addresses at which
/// Amazon's agents listen, where nobody else can listen.
bool is_agents_url(std::string_view url);

}  // namespace n4b::s3
