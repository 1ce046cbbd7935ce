#include "backup-runner/net/openssl_handles.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <string_view>

#include "common/base/rfc3339.hpp"

namespace n4b::net {
namespace {

constexpr std::size_t kMaxNameLength = 200;
constexpr int kMaxNames = 10;

std::string printable(std::string_view text) {
    std::string out(text.substr(0, kMaxNameLength));
    std::replace_if(
        out.begin(), out.end(), [](char c) { return c < 0x20 || c == 0x7f; }, '?');
    return out;
}

std::string text_of(const X509_NAME* name) {
    const BioHandle bio(BIO_new(BIO_s_mem()));
    if (!bio || X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) < 0) return "?";
    char* data = nullptr;
    const auto size = BIO_get_mem_data(bio.get(), &data);
    return size > 0 ? printable({data, static_cast<std::size_t>(size)}) : "(empty)";
}

std::string text_of(const ASN1_TIME* time) {
    const auto value = time_of(time);
    return value ? base::format_rfc3339(*value) : "an unreadable time";
}

std::string text_of(const GENERAL_NAME* name) {
    if (name->type == GEN_DNS) {
        const auto* dns = name->d.dNSName;
        return printable({reinterpret_cast<const char*>(ASN1_STRING_get0_data(dns)),
                          static_cast<std::size_t>(ASN1_STRING_length(dns))});
    }
    if (name->type != GEN_IPADD) return {};
    const auto* bytes = ASN1_STRING_get0_data(name->d.iPAddress);
    if (ASN1_STRING_length(name->d.iPAddress) == 4) {
        return fmt::format("{}.{}.{}.{}", bytes[0], bytes[1], bytes[2], bytes[3]);
    }
    if (ASN1_STRING_length(name->d.iPAddress) != 16) return {};
    std::string text;
    for (int i = 0; i < 16; i += 2) text += fmt::format("{}{:x}", i == 0 ? "" : ":", bytes[i] * 256 + bytes[i + 1]);
    return text;
}

std::string common_name(const X509* certificate) {
    std::array<char, kMaxNameLength> text{};
    const int size = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, text.data(),
                                               static_cast<int>(text.size()));
    return size > 0 ? printable({text.data(), static_cast<std::size_t>(size)}) : "none";
}

}  // namespace

std::string take_openssl_error() {
    const auto error = ERR_peek_last_error();
    ERR_clear_error();
    const char* reason = ERR_reason_error_string(error);
    return reason == nullptr ? fmt::format("error {:x}", error) : reason;
}

CertificateText describe(const X509* certificate) {
    return {.subject = text_of(X509_get_subject_name(certificate)),
            .issuer = text_of(X509_get_issuer_name(certificate)),
            .starts = text_of(X509_get0_notBefore(certificate)),
            .expires = text_of(X509_get0_notAfter(certificate))};
}

std::string names_of(const X509* certificate) {
    std::string text;
    auto* names = static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
    for (int i = 0; i < std::min(sk_GENERAL_NAME_num(names), kMaxNames); ++i) {
        const auto name = text_of(sk_GENERAL_NAME_value(names, i));
        if (!name.empty()) text += (text.empty() ? "" : ", ") + name;
    }
    GENERAL_NAMES_free(names);
    return text.empty() ? common_name(certificate) : text;
}

std::string describe(const EVP_PKEY* key) {
    const char* type = EVP_PKEY_get0_type_name(key);
    return fmt::format("{} key of {} bits", type == nullptr ? "a" : type, EVP_PKEY_get_bits(key));
}

std::optional<base::SystemTime> time_of(const ASN1_TIME* time) {
    std::tm parts{};
    if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
    return base::SystemTime(std::chrono::seconds(::timegm(&parts)));
}

}  // namespace n4b::net
