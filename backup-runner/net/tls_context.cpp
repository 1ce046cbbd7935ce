#include "backup-runner/net/tls_context.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <array>
#include <utility>

namespace n4b::net {
namespace {

using base::ErrorCode;
using base::Reason;
using base::Result;

tl::unexpected<base::Error> invalid(std::string message) {
    return base::fail(ErrorCode::kInvalid, Reason::kTlsMaterialInvalid, std::move(message));
}

bool is_address(const std::string& host) {
    std::array<unsigned char, sizeof(in6_addr)> bytes{};
    return ::inet_pton(AF_INET, host.c_str(), bytes.data()) == 1 ||
           ::inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1;
}

/// A name without the dot that makes it absolute in DNS: certificates never have it.
std::string without_root(const std::string& host) {
    return host.size() > 1 && host.back() == '.' ? host.substr(0, host.size() - 1) : host;
}

SessionNotes& notes_of(X509_STORE_CTX* store) {
    const auto* session = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
    return *static_cast<SessionNotes*>(SSL_get_app_data(session));
}

/// A trust anchor needs no revocation list of its own, as in the servers' own check (ssl-policy.md section 3).
bool is_spared(X509_STORE_CTX* store) {
    const int error = X509_STORE_CTX_get_error(store);
    if (error != X509_V_ERR_UNABLE_TO_GET_CRL && error != X509_V_ERR_CRL_HAS_EXPIRED &&
        error != X509_V_ERR_CRL_NOT_YET_VALID) {
        return false;
    }
    return X509_STORE_CTX_get_error_depth(store) == sk_X509_num(X509_STORE_CTX_get0_chain(store)) - 1;
}

int on_verify(int good, X509_STORE_CTX* store) {
    if (good == 1) return 1;
    if (is_spared(store)) {
        X509_STORE_CTX_set_error(store, X509_V_OK);
        return 1;
    }
    const auto* certificate = X509_STORE_CTX_get_current_cert(store);
    auto& failure = notes_of(store).failure.emplace();
    failure.error = X509_STORE_CTX_get_error(store);
    failure.depth = X509_STORE_CTX_get_error_depth(store);
    if (certificate != nullptr) {
        failure.certificate = describe(certificate);
        failure.names = names_of(certificate);
    }
    return 0;
}

/// OpenSSL asks for the client certificate only when the server has asked for one.
int on_certificate_request(SSL*, void* notes) {
    static_cast<SessionNotes*>(notes)->certificate_requested = true;
    return 1;
}

}  // namespace

Result<TlsContext> TlsContext::create(const TlsSettings& settings, TlsMaterial material) {
    ERR_clear_error();
    TlsContext made;
    made.verification_ = settings.verification;
    made.server_name_ = without_root(settings.server_name);
    made.context_.reset(SSL_CTX_new(TLS_client_method()));
    if (!made.context_) return base::fail(ErrorCode::kInternal, "set up TLS: " + take_openssl_error());
    auto* context = made.context_.get();
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    // An end without a goodbye is an end: the frames inside tell whether something is missing.
    SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    if (material.key) N4B_TRY_VOID(made.use_own(settings.directory, material));
    if (settings.verification == Verification::kNone) return made;
    if (material.trusted.empty()) {
        return invalid(fmt::format(
            "{}: found no trusted certificate{}, expected trusted.* or ca.crt there, trust files, "
            "or verification None",
            settings.directory, material.empty_authority ? " and an empty ca.crt, which some issuers leave so" : ""));
    }
    made.trust(material);
    return made;
}

Result<void> TlsContext::use_own(const std::string& directory, TlsMaterial& material) {
    auto* context = context_.get();
    bool good = SSL_CTX_use_certificate(context, material.certificate.get()) == 1;
    for (const auto& link : material.chain) good = good && SSL_CTX_add1_chain_cert(context, link.get()) == 1;
    good = good && SSL_CTX_use_PrivateKey(context, material.key.get()) == 1;
    if (!good) {
        return invalid(fmt::format("{}: found a certificate with {} that can't be used: {}", directory,
                                   describe(material.key.get()), take_openssl_error()));
    }
    own_ = OwnCertificate{.text = describe(material.certificate.get()),
                          .starts = time_of(X509_get0_notBefore(material.certificate.get())),
                          .expires = time_of(X509_get0_notAfter(material.certificate.get()))};
    return {};
}

void TlsContext::trust(const TlsMaterial& material) {
    auto* store = SSL_CTX_get_cert_store(context_.get());
    for (const auto& certificate : material.trusted) X509_STORE_add_cert(store, certificate.get());
    for (const auto& list : material.revoked) X509_STORE_add_crl(store, list.get());
    // Peers' own certificates are anchors as well, whoever issued them.
    unsigned long flags = X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST;
    if (!material.revoked.empty()) flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL;
    X509_STORE_set_flags(store, flags);
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, on_verify);
}

Result<SessionHandle> TlsContext::new_session(const std::string& host, SessionNotes& notes) const {
    ERR_clear_error();
    SessionHandle session(SSL_new(context_.get()));
    if (!session) return base::fail(ErrorCode::kInternal, "begin a TLS session: " + take_openssl_error());
    SSL_set_app_data(session.get(), &notes);
    SSL_set_cert_cb(session.get(), on_certificate_request, &notes);
    const auto name = without_root(expected_name(host));
    bool good = true;
    if (verification_ == Verification::kFull) {
        auto* parameters = SSL_get0_param(session.get());
        X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        good = is_address(name) ? X509_VERIFY_PARAM_set1_ip_asc(parameters, name.c_str()) == 1
                                : X509_VERIFY_PARAM_set1_host(parameters, name.c_str(), name.size()) == 1;
    }
    if (good && !name.empty() && !is_address(name)) good = SSL_set_tlsext_host_name(session.get(), name.c_str()) == 1;
    if (!good) {
        return base::fail(ErrorCode::kInvalid, Reason::kInvalidRunSpec,
                          fmt::format("\"{}\" is no name that a server's certificate could bear", name));
    }
    SSL_set_connect_state(session.get());
    return session;
}

}  // namespace n4b::net
