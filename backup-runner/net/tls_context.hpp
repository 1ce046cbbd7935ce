#pragma once

#include <optional>
#include <string>

#include "backup-runner/net/openssl_handles.hpp"
#include "backup-runner/net/tls.hpp"
#include "backup-runner/net/tls_material.hpp"

namespace n4b::net {

/// Why a server's certificate was not taken.
struct VerifyFailure {
    int error = 0;  ///< X509_V_ERR_...
    int depth = 0;  ///< 0: the server's own.
    CertificateText certificate{};
    std::string names{};
};

/// What one session tells beside its bytes. Has to outlive it.
struct SessionNotes {
    bool certificate_requested = false;
    bool data_received = false;  ///< What comes after the handshake.
    std::optional<VerifyFailure> failure{};
};

/// Our own certificate.
struct OwnCertificate {
    CertificateText text{};
    std::optional<base::SystemTime> starts{};
    std::optional<base::SystemTime> expires{};
};

/// What all sessions of a client share. Immutable, thread-safe.
class TlsContext {
public:
    /// Invalid (TlsMaterialInvalid): nothing to verify with, or something that OpenSSL's security level refuses.
    static base::Result<TlsContext> create(const TlsSettings& settings, TlsMaterial material);

    /// A session in connect state, without its BIO. `host` as in an Address.
    [[nodiscard]] base::Result<SessionHandle> new_session(const std::string& host, SessionNotes& notes) const;

    [[nodiscard]] const std::optional<OwnCertificate>& own() const { return own_; }
    /// The name that a server's certificate has to bear.
    [[nodiscard]] const std::string& expected_name(const std::string& host) const {
        return server_name_.empty() ? host : server_name_;
    }

private:
    TlsContext() = default;
    base::Result<void> use_own(const std::string& directory, TlsMaterial& material);
    void trust(const TlsMaterial& material);

    ContextHandle context_{};
    std::optional<OwnCertificate> own_{};
    Verification verification_ = Verification::kFull;
    std::string server_name_{};
};

}  // namespace n4b::net
