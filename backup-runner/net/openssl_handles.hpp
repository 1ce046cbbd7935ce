#pragma once

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <optional>
#include <string>

#include "common/base/clock.hpp"

namespace n4b::net {

template <auto Free>
struct Freed {
    template <typename T>
    void operator()(T* object) const {
        Free(object);
    }
};
using BioHandle = std::unique_ptr<BIO, Freed<BIO_free_all>>;
using KeyHandle = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using CertificateHandle = std::unique_ptr<X509, Freed<X509_free>>;
using CrlHandle = std::unique_ptr<X509_CRL, Freed<X509_CRL_free>>;
using ContextHandle = std::unique_ptr<SSL_CTX, Freed<SSL_CTX_free>>;
using SessionHandle = std::unique_ptr<SSL, Freed<SSL_free>>;

/// The library's own words for the last error on this thread, which is then forgotten. Never holds input bytes.
std::string take_openssl_error();

/// A certificate for messages: bounded, printable, whatever is in it.
struct CertificateText {
    std::string subject;
    std::string issuer;
    std::string starts;   ///< RFC 3339
    std::string expires;  ///< RFC 3339
};
CertificateText describe(const X509* certificate);

/// The names a certificate is good for, as HTTPS reads them: the alternative names, else the common name; at most 10.
std::string names_of(const X509* certificate);

/// "an RSA key of 2048 bits"
std::string describe(const EVP_PKEY* key);

std::optional<base::SystemTime> time_of(const ASN1_TIME* time);

}  // namespace n4b::net
