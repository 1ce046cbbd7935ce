#include "tests/support/tls_identity.hpp"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "tests/support/must.hpp"

namespace n4b::testing {
namespace {

std::string contents(const net::BioHandle& bio) {
    char* data = nullptr;
    const auto size = BIO_get_mem_data(bio.get(), &data);
    return {data, static_cast<std::size_t>(size)};
}

net::BioHandle memory() {
    return net::BioHandle(BIO_new(BIO_s_mem()));
}

void add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    auto* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
    must(extension != nullptr && X509_add_ext(certificate, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

void set_serial(ASN1_INTEGER* serial) {
    unsigned long long value = 0;
    must(RAND_bytes(reinterpret_cast<unsigned char*>(&value), sizeof value) == 1);
    must(ASN1_INTEGER_set_uint64(serial, value >> 1U) == 1);
}

void add_extensions(X509* certificate, X509* issuer, const IdentityOptions& options) {
    if (options.authority) {
        add_extension(certificate, issuer, NID_basic_constraints, "critical,CA:TRUE");
        add_extension(certificate, issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
    }
    add_extension(certificate, issuer, NID_subject_key_identifier, "hash");
    std::string names;
    for (const auto& name : options.alternatives) names += (names.empty() ? "" : ",") + name;
    if (!names.empty()) add_extension(certificate, issuer, NID_subject_alt_name, names);
    if (!options.extended_usage.empty()) add_extension(certificate, issuer, NID_ext_key_usage, options.extended_usage);
}

}  // namespace

Identity::Identity(const IdentityOptions& options, const Identity* issuer)
    : key_(options.key == KeyKind::kEc ? EVP_EC_gen("P-256") : EVP_RSA_gen(2048)), certificate_(X509_new()) {
    auto* certificate = certificate_.get();
    must(key_ != nullptr && certificate != nullptr);
    X509_set_version(certificate, X509_VERSION_3);
    set_serial(X509_get_serialNumber(certificate));
    X509_gmtime_adj(X509_getm_notBefore(certificate), options.from_days * 86400L);
    X509_gmtime_adj(X509_getm_notAfter(certificate), options.to_days * 86400L);
    auto* subject = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(options.name.c_str()), -1, -1, 0);
    X509* signer = issuer == nullptr ? certificate : issuer->certificate();
    X509_set_issuer_name(certificate, X509_get_subject_name(signer));
    X509_set_pubkey(certificate, key_.get());
    add_extensions(certificate, signer, options);
    must(X509_sign(certificate, issuer == nullptr ? key_.get() : issuer->key(), EVP_sha256()) > 0);
}

std::string Identity::certificate_pem() const {
    const auto bio = memory();
    must(PEM_write_bio_X509(bio.get(), certificate_.get()) == 1);
    return contents(bio);
}

std::string Identity::certificate_der() const {
    const auto bio = memory();
    must(i2d_X509_bio(bio.get(), certificate_.get()) == 1);
    return contents(bio);
}

std::string Identity::key_pem() const {
    const auto bio = memory();
    must(PEM_write_bio_PKCS8PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
    return contents(bio);
}

std::string Identity::key_der() const {
    const auto bio = memory();
    must(i2d_PKCS8PrivateKeyInfo_bio(bio.get(), key_.get()) == 1);
    return contents(bio);
}

std::string Identity::encrypted_key_pem(const std::string& passphrase) const {
    const auto bio = memory();
    must(PEM_write_bio_PKCS8PrivateKey(bio.get(), key_.get(), EVP_aes_256_cbc(), passphrase.c_str(),
                                       static_cast<int>(passphrase.size()), nullptr, nullptr) == 1);
    return contents(bio);
}

std::string Identity::traditional_key_pem(const std::string& passphrase) const {
    const auto bio = memory();
    must(PEM_write_bio_PrivateKey_traditional(
             bio.get(), key_.get(), passphrase.empty() ? nullptr : EVP_aes_128_cbc(),
             passphrase.empty() ? nullptr : reinterpret_cast<const unsigned char*>(passphrase.data()),
             static_cast<int>(passphrase.size()), nullptr, nullptr) == 1);
    return contents(bio);
}

std::string Identity::revocation_list(const std::vector<const Identity*>& revoked, int to_days) const {
    const net::CrlHandle list(X509_CRL_new());
    X509_CRL_set_version(list.get(), X509_CRL_VERSION_2);
    X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(certificate_.get()));
    ASN1_TIME* time = ASN1_TIME_new();
    X509_gmtime_adj(time, -2 * 86400L);
    X509_CRL_set1_lastUpdate(list.get(), time);
    for (const auto* identity : revoked) {
        auto* entry = X509_REVOKED_new();
        X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(identity->certificate()));
        X509_REVOKED_set_revocationDate(entry, time);
        must(X509_CRL_add0_revoked(list.get(), entry) == 1);
    }
    X509_gmtime_adj(time, to_days * 86400L);
    X509_CRL_set1_nextUpdate(list.get(), time);
    ASN1_TIME_free(time);
    must(X509_CRL_sign(list.get(), key_.get(), EVP_sha256()) > 0);
    const auto bio = memory();
    must(PEM_write_bio_X509_CRL(bio.get(), list.get()) == 1);
    return contents(bio);
}

}  // namespace n4b::testing
