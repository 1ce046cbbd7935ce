#pragma once

#include <chrono>
#include <memory>
#include <optional>

#include "backup-runner/object_store/credentials.hpp"
#include "backup-runner/object_store/object_store.hpp"
#include "backup-runner/s3/signature.hpp"
#include "common/base/clock.hpp"
#include "common/base/result.hpp"

namespace n4b::object_store {

/// Credentials and how much longer they are good.
struct IssuedSession {
    s3::Credentials credentials{};
    std::optional<std::chrono::milliseconds> lifetime{};  ///< Nothing: for ever.
};

/// Whoever issues sessions. Used by one thread at a time.
class SessionIssuer {
public:
    virtual ~SessionIssuer() = default;
    /// One exchange; it isn't repeated. Errors as CredentialSource::current's.
    virtual base::Result<IssuedSession> issue(const Call& call) = 0;
};

/// Keeps a session until s3::freshness_of says that another one is needed. One caller at a time asks for it; while the
/// old one is good, the others go on with it, and all of them when nobody issues another. Thread-safe.
std::unique_ptr<CredentialSource> session_credentials(std::unique_ptr<SessionIssuer> issuer,
                                                      std::unique_ptr<base::Clock> clock);

}  // namespace n4b::object_store
