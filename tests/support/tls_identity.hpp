#pragma once

#include <string>
#include <vector>

#include "backup-runner/net/openssl_handles.hpp"

namespace n4b::testing {

enum class KeyKind { kEc, kRsa };

struct IdentityOptions {
    std::string name = "neo4j";               ///< Common name.
    std::vector<std::string> alternatives{};  ///< "DNS:neo4j", "IP:127.0.0.1"
    int from_days = -1;                       ///< Validity, from now.
    int to_days = 30;
    bool authority = false;
    std::string extended_usage{};  ///< "serverAuth", ...; empty: no such extension.
    KeyKind key = KeyKind::kEc;
};

/// A key and its certificate, made for one test.
class Identity {
public:
    /// Signed by the issuer, or by itself without one.
    explicit Identity(const IdentityOptions& options, const Identity* issuer = nullptr);

    [[nodiscard]] EVP_PKEY* key() const { return key_.get(); }
    [[nodiscard]] X509* certificate() const { return certificate_.get(); }

    [[nodiscard]] std::string certificate_pem() const;
    [[nodiscard]] std::string certificate_der() const;
    [[nodiscard]] std::string key_pem() const;  ///< PKCS#8
    [[nodiscard]] std::string key_der() const;  ///< PKCS#8
    [[nodiscard]] std::string encrypted_key_pem(const std::string& passphrase) const;
    /// PKCS#1 or SEC1; encrypted in the old way with a passphrase.
    [[nodiscard]] std::string traditional_key_pem(const std::string& passphrase = {}) const;

    /// A revocation list of this authority, in PEM.
    [[nodiscard]] std::string revocation_list(const std::vector<const Identity*>& revoked, int to_days = 30) const;

private:
    net::KeyHandle key_{};
    net::CertificateHandle certificate_{};
};

}  // namespace n4b::testing
