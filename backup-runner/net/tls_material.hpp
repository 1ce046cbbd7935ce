#pragma once

#include <string_view>
#include <vector>

#include "backup-runner/net/openssl_handles.hpp"
#include "backup-runner/net/tls_files.hpp"
#include "common/base/result.hpp"

namespace n4b::net {

inline constexpr std::string_view kTrustedDirectory = "trusted";
inline constexpr std::string_view kRevokedDirectory = "revoked";

/// What a TLS client is made of. Immutable once parsed.
struct TlsMaterial {
    KeyHandle key{};                  ///< Null: no client certificate.
    CertificateHandle certificate{};  ///< The key's own.
    std::vector<CertificateHandle> chain{};
    std::vector<CertificateHandle> trusted{};  ///< Authorities, or peers' own certificates.
    std::vector<CrlHandle> revoked{};
    bool empty_authority = false;  ///< There is a ca.crt, and nothing in it: some issuers of cert-manager leave it so.
};

/// True for a file that belongs to one of the layouts:
///   Neo4j's policy directory  private.key  public.crt  trusted/*  revoked/*
///   the same as flat keys     private.key  public.crt  trusted.*  revoked.*
///   cert-manager's            tls.key      tls.crt     ca.crt
/// and in each `passphrase`, for an encrypted key. (protocol/ssl-policy.md section 3)
bool has_meaning(std::string_view name);

/// Pure. Keys: PKCS#8, PKCS#1 or SEC1, encrypted or not; certificates, several in a file, and revocation lists; all in
/// PEM or DER. Invalid: TlsMaterialInvalid with directory, file, what was found and what is expected; TlsKeyMismatch.
/// No message holds a byte of a key.
base::Result<TlsMaterial> parse_tls_material(const TlsFiles& files);

}  // namespace n4b::net
