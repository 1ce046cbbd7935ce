#include "backup-runner/net/tls_errors.hpp"

#include <fmt/format.h>
#include <openssl/err.h>

#include <chrono>
#include <string_view>
#include <system_error>

namespace n4b::net {
namespace {

using base::Error;
using base::ErrorCode;
using base::Reason;

constexpr unsigned char kAlertRecord = 0x15;
constexpr unsigned char kHandshakeRecord = 0x16;
constexpr unsigned char kTlsMajor = 3;

Error permanent(Reason reason, std::string message) {
    return {.code = ErrorCode::kFailedPrecondition, .message = std::move(message), .reason = reason};
}

std::string whose(const VerifyFailure& failure) {
    return failure.depth == 0 ? "the source's certificate"
                              : fmt::format("certificate {} above the source's own", failure.depth);
}

Error explain_verification(const VerifyFailure& failure, const std::string& expected_name) {
    const auto& c = failure.certificate;
    const auto who = fmt::format("subject {}, issuer {}", c.subject, c.issuer);
    switch (failure.error) {
        case X509_V_ERR_CERT_HAS_EXPIRED:
            return permanent(Reason::kServerCertificateExpired,
                             fmt::format("{} has expired on {} ({})", whose(failure), c.expires, who));
        case X509_V_ERR_CERT_NOT_YET_VALID:
            return permanent(Reason::kServerCertificateNotYetValid,
                             fmt::format("{} is not valid before {} ({})", whose(failure), c.starts, who));
        case X509_V_ERR_CERT_REVOKED:
            return permanent(Reason::kServerCertificateRevoked,
                             fmt::format("{} is revoked by its issuer's list ({})", whose(failure), who));
        case X509_V_ERR_HOSTNAME_MISMATCH:
        case X509_V_ERR_IP_ADDRESS_MISMATCH:
            return permanent(Reason::kServerNameMismatch,
                             fmt::format("the source's certificate is for {}, expected {} ({}); set serverName to a "
                                         "name that it bears, or verification to Chain",
                                         failure.names, expected_name, who));
        case X509_V_ERR_UNABLE_TO_GET_CRL:
            return permanent(Reason::kServerCertificateUntrusted,
                             fmt::format("whether {} is revoked can't be told: found no revocation list of its issuer; "
                                         "once there is one list, each issuer needs one ({})",
                                         whose(failure), who));
        default:
            return permanent(
                Reason::kServerCertificateUntrusted,
                fmt::format("{} is not trusted: {} ({}); expected it, or an issuer of it, among the trusted "
                            "certificates",
                            whose(failure), X509_verify_cert_error_string(failure.error), who));
    }
}

Error rejected(const OwnCertificate& own, std::string_view alert, bool vague) {
    const auto now = std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
    std::string hint = "expected: it leads to a certificate in the source's trusted directory, and is not revoked";
    if (own.expires && *own.expires < now) hint = "it has expired";
    if (own.starts && *own.starts > now) hint = "it is not valid yet";
    return permanent(
        Reason::kTlsClientCertificateRejected,
        fmt::format("the source refuses our certificate{} (alert {}): subject {}, issuer {}, valid from {} to "
                    "{}; {}",
                    vague ? ", or fails itself, which its log tells" : "", alert, own.text.subject, own.text.issuer,
                    own.text.starts, own.text.expires, hint));
}

Error no_common_version(std::string_view what) {
    return permanent(
        Reason::kTlsNoCommonVersion,
        fmt::format("no TLS version and cipher that both sides take ({}); expected TLSv1.2 or TLSv1.3 in the "
                    "source's tls_versions, and a current cipher",
                    what));
}

/// True for the alerts with which a server says that it does not like a certificate, or misses it.
bool is_about_certificates(int alert) {
    switch (alert) {
        case SSL_AD_BAD_CERTIFICATE:
        case SSL_AD_UNSUPPORTED_CERTIFICATE:
        case SSL_AD_CERTIFICATE_REVOKED:
        case SSL_AD_CERTIFICATE_EXPIRED:
        case SSL_AD_CERTIFICATE_UNKNOWN:
        case SSL_AD_UNKNOWN_CA:
        case SSL_AD_ACCESS_DENIED:
        case SSL_AD_CERTIFICATE_REQUIRED:
        case SSL_AD_HANDSHAKE_FAILURE:
            return true;
        default:
            return false;
    }
}

/// With OpenSSL's word for a check that failed without saying why, servers that have Netty's OpenSSL refuse any
/// certificate. Once data flow, it is something else.
bool is_vague_refusal(int alert, const SessionNotes& notes) {
    return alert == SSL_AD_INTERNAL_ERROR && !notes.data_received;
}

Error explain_alert(int alert, const TlsContext& context, const SessionNotes& notes) {
    const std::string_view name = SSL_alert_desc_string_long(alert);
    // A server asks for a certificate after version and cipher have been agreed, so these are then about it.
    const bool vague = context.own() && is_vague_refusal(alert, notes);
    if (notes.certificate_requested && (vague || is_about_certificates(alert))) {
        if (context.own()) return rejected(*context.own(), name, vague);
        return permanent(Reason::kTlsClientCertificateRequired,
                         fmt::format("the source demands a client certificate (alert {}) and there is none: expected "
                                     "private.key and public.crt, or tls.key and tls.crt, in the TLS directory",
                                     name));
    }
    switch (alert) {
        case SSL_AD_PROTOCOL_VERSION:
        case SSL_AD_HANDSHAKE_FAILURE:
        case SSL_AD_INSUFFICIENT_SECURITY:
            return no_common_version(fmt::format("alert {}", name));
        case SSL_AD_UNRECOGNIZED_NAME:
            return permanent(Reason::kServerNameMismatch, "the source does not know the name it was asked for");
        default:
            return {.code = ErrorCode::kUnavailable,
                    .message = fmt::format("the source ended the TLS session with the alert {}", name),
                    .reason = Reason::kSourceProtocolError};
    }
}

/// What we ourselves found wrong with the server's choice.
bool is_version_or_cipher(int reason) {
    switch (reason) {
        case SSL_R_UNSUPPORTED_PROTOCOL:
        case SSL_R_WRONG_SSL_VERSION:
        case SSL_R_NO_PROTOCOLS_AVAILABLE:
        case SSL_R_NO_CIPHERS_AVAILABLE:
        case SSL_R_WRONG_CIPHER_RETURNED:
        case SSL_R_UNKNOWN_CIPHER_RETURNED:
        case SSL_R_DH_KEY_TOO_SMALL:
        case SSL_R_BAD_ECPOINT:
        case SSL_R_WRONG_SIGNATURE_TYPE:
        case SSL_R_VERSION_TOO_LOW:
            return true;
        default:
            return false;
    }
}

bool is_tls(const WireNotes& wire) {
    return wire.received < wire.first.size() ||
           ((wire.first[0] == kAlertRecord || wire.first[0] == kHandshakeRecord) && wire.first[1] == kTlsMajor);
}

}  // namespace

Error explain_tls_failure(const TlsContext& context, const SessionNotes& notes, const WireNotes& wire,
                          const std::string& expected_name) {
    const auto queued = ERR_peek_last_error();
    const int reason = ERR_GET_LIB(queued) == ERR_LIB_SSL ? ERR_GET_REASON(queued) : 0;
    const auto words = queued == 0 ? std::string() : take_openssl_error();
    if (notes.failure) return explain_verification(*notes.failure, expected_name);
    if (reason > SSL_AD_REASON_OFFSET) return explain_alert(reason - SSL_AD_REASON_OFFSET, context, notes);
    if (!is_tls(wire)) {
        return {.code = ErrorCode::kInvalid,
                .message = "it does not answer in TLS; the backup port is 6362 by default",
                .reason = Reason::kNotCatchupServer};
    }
    if (is_version_or_cipher(reason)) return no_common_version(words);
    if (wire.error != 0 || wire.ended) {
        const auto why =
            wire.error != 0 ? std::generic_category().message(wire.error) : std::string("the peer closed it");
        return {.code = ErrorCode::kUnavailable, .message = why, .reason = Reason::kSourceConnectionLost};
    }
    return {.code = ErrorCode::kUnavailable,
            .message = fmt::format("TLS: {}", words),
            .reason = Reason::kSourceProtocolError};
}

}  // namespace n4b::net
