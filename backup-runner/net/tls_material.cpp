#include "backup-runner/net/tls_material.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <utility>

namespace n4b::net {
namespace {

using base::ErrorCode;
using base::Reason;
using base::Result;

constexpr std::string_view kPassphrase = "passphrase";
constexpr std::string_view kPemBegin = "-----BEGIN ";
/// "-----BEGIN " in base64: a Secret that was encoded once too often.
constexpr std::string_view kEncodedTwice = "LS0tLS1CRUdJTi";

/// One layout's names.
struct Layout {
    std::string_view key;
    std::string_view certificate;
};
constexpr Layout kPolicy{.key = "private.key", .certificate = "public.crt"};
constexpr Layout kCertManager{.key = "tls.key", .certificate = "tls.crt"};
constexpr std::string_view kAuthority = "ca.crt";

bool is_trusted(std::string_view name) {
    return name.starts_with("trusted.") || name.starts_with("trusted/");
}
bool is_revoked(std::string_view name) {
    return name.starts_with("revoked.") || name.starts_with("revoked/");
}

tl::unexpected<base::Error> invalid(std::string message) {
    return base::fail(ErrorCode::kInvalid, Reason::kTlsMaterialInvalid, std::move(message));
}

/// The labels of the first PEM objects, which are no secret; only what looks like a label.
std::string pem_labels(std::string_view bytes) {
    std::string labels;
    for (int i = 0; i < 3; ++i) {
        const auto at = bytes.find(kPemBegin);
        if (at == std::string_view::npos) break;
        bytes.remove_prefix(at + kPemBegin.size());
        const auto label = bytes.substr(0, std::min(bytes.find("-----"), std::size_t{40}));
        const bool plain = std::all_of(label.begin(), label.end(), [](char c) {
            return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ' ';
        });
        labels += fmt::format("{}{}", labels.empty() ? "" : ", ", plain ? label : "?");
    }
    return labels;
}

/// What a file seems to be, without a byte of its contents.
std::string found(std::string_view bytes) {
    if (bytes.empty()) return "an empty file";
    if (const auto labels = pem_labels(bytes); !labels.empty()) return "PEM of " + labels;
    if (bytes.starts_with(kEncodedTwice)) return "PEM that is in base64 once more (stringData takes it as it is)";
    if (bytes[0] == '\x30') return fmt::format("{} bytes that look like DER", bytes.size());
    return fmt::format("{} bytes that are neither PEM nor DER", bytes.size());
}

bool is_pem(std::string_view bytes) {
    return bytes.find(kPemBegin) != std::string_view::npos;
}

BioHandle memory(std::string_view bytes) {
    // It refuses a null pointer, which an empty view may be.
    return BioHandle(BIO_new_mem_buf(bytes.empty() ? "" : bytes.data(), static_cast<int>(bytes.size())));
}

/// A passphrase for OpenSSL; without one it would ask on the terminal.
int answer_passphrase(char* into, int size, int, void* passphrase) {
    if (passphrase == nullptr) return -1;
    const auto text = *static_cast<const std::string_view*>(passphrase);
    if (text.size() > static_cast<std::size_t>(size)) return -1;
    std::memcpy(into, text.data(), text.size());
    return static_cast<int>(text.size());
}

bool is_encrypted(std::string_view bytes) {
    return bytes.find("BEGIN ENCRYPTED PRIVATE KEY") != std::string_view::npos ||
           bytes.find("Proc-Type: 4,ENCRYPTED") != std::string_view::npos;
}

/// One file with the directory that it stands in, for messages.
struct Source {
    std::string where;
    std::string_view bytes;
};

KeyHandle read_key(std::string_view bytes, const std::optional<std::string_view>& passphrase) {
    std::string_view given = passphrase.value_or("");
    void* argument = passphrase ? &given : nullptr;
    const auto bio = memory(bytes);
    if (is_pem(bytes)) return KeyHandle(PEM_read_bio_PrivateKey(bio.get(), nullptr, answer_passphrase, argument));
    const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
    KeyHandle key(d2i_AutoPrivateKey(nullptr, &at, static_cast<long>(bytes.size())));
    if (!key && passphrase) key.reset(d2i_PKCS8PrivateKey_bio(bio.get(), nullptr, answer_passphrase, argument));
    return key;
}

Result<KeyHandle> parse_key(const Source& source, std::optional<std::string_view> passphrase) {
    ERR_clear_error();
    auto key = read_key(source.bytes, passphrase);
    if (key) return key;
    const auto why = take_openssl_error();
    if (is_encrypted(source.bytes)) {
        return invalid(passphrase
                           ? fmt::format("{}: found an encrypted private key that the passphrase beside it does "
                                         "not open ({})",
                                         source.where, why)
                           : fmt::format("{}: found an encrypted private key, expected its passphrase in the key "
                                         "\"{}\" beside it",
                                         source.where, kPassphrase));
    }
    return invalid(fmt::format("{}: found {}, expected a private key (PKCS#8, PKCS#1 or SEC1, in PEM or DER): {}",
                               source.where, found(source.bytes), why));
}

/// Reads objects of one kind one after the other, in PEM with read_pem or in DER with read_der.
template <typename Handle, typename ReadPem, typename ReadDer>
Result<void> parse_objects(const Source& source, std::string_view expected, ReadPem read_pem, ReadDer read_der,
                           std::vector<Handle>& into) {
    const auto before = into.size();
    const auto bad = [&] {
        return invalid(fmt::format("{}: found {}, expected {} in PEM or DER; number {} can't be read: {}", source.where,
                                   found(source.bytes), expected, into.size() - before + 1, take_openssl_error()));
    };
    ERR_clear_error();
    if (is_pem(source.bytes)) {
        const auto bio = memory(source.bytes);
        for (;;) {
            Handle object(read_pem(bio.get(), nullptr, answer_passphrase, nullptr));
            if (!object) break;
            into.push_back(std::move(object));
        }
        const bool ended = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
        if (!ended || into.size() == before) return bad();
        ERR_clear_error();
        return {};
    }
    const auto* at = reinterpret_cast<const unsigned char*>(source.bytes.data());
    const auto* end = at + source.bytes.size();
    do {
        Handle object(read_der(nullptr, &at, end - at));
        if (!object) return bad();
        into.push_back(std::move(object));
    } while (at < end);
    return {};
}

Result<void> parse_certificates(const Source& source, std::vector<CertificateHandle>& into) {
    return parse_objects(source, "certificates", PEM_read_bio_X509, d2i_X509, into);
}

Result<void> parse_revoked(const Source& source, std::vector<CrlHandle>& into) {
    return parse_objects(source, "revocation lists (X509 CRL)", PEM_read_bio_X509_CRL, d2i_X509_CRL, into);
}

/// It counts as absent.
bool is_empty_authority(const TlsFile& file) {
    return file.name == kAuthority && file.bytes.view().find_first_not_of(" \t\r\n") == std::string_view::npos;
}

class Parser {
public:
    explicit Parser(const TlsFiles& files) : files_(files) {}

    Result<TlsMaterial> parse() {
        if (!files_.directory.empty()) {
            N4B_TRY(const auto layout, choose_layout());
            N4B_TRY_VOID(parse_own(layout));
            for (const auto& file : files_.own) N4B_TRY_VOID(parse_trust(file));
        }
        for (const auto& file : files_.trust) {
            N4B_TRY_VOID(parse_certificates({.where = file.name, .bytes = file.bytes.view()}, material_.trusted));
        }
        return std::move(material_);
    }

private:
    [[nodiscard]] const TlsFile* find(std::string_view name) const {
        const auto file =
            std::find_if(files_.own.begin(), files_.own.end(), [&](const TlsFile& f) { return f.name == name; });
        return file == files_.own.end() ? nullptr : &*file;
    }
    /// The first file that the predicate takes, for messages.
    template <typename F>
    [[nodiscard]] std::string_view first(F takes) const {
        for (const auto& file : files_.own) {
            if (!is_empty_authority(file) && takes(file.name)) return file.name;
        }
        return {};
    }
    [[nodiscard]] Source source(const TlsFile& file) const {
        return {.where = files_.directory + "/" + file.name, .bytes = file.bytes.view()};
    }

    Result<Layout> choose_layout() const {
        const auto policy = first([](std::string_view name) {
            return name == kPolicy.key || name == kPolicy.certificate || is_trusted(name) || is_revoked(name);
        });
        const auto manager = first([](std::string_view name) {
            return name == kCertManager.key || name == kCertManager.certificate || name == kAuthority;
        });
        const auto flat =
            first([](std::string_view name) { return name.starts_with("trusted.") || name.starts_with("revoked."); });
        const auto nested =
            first([](std::string_view name) { return name.starts_with("trusted/") || name.starts_with("revoked/"); });
        if (!policy.empty() && !manager.empty()) return ambiguous(policy, manager);
        if (!flat.empty() && !nested.empty()) return ambiguous(flat, nested);
        if (!policy.empty()) return kPolicy;
        const bool trusts_nobody = std::any_of(files_.own.begin(), files_.own.end(), is_empty_authority);
        if (!manager.empty() || trusts_nobody) return kCertManager;
        return invalid(
            fmt::format("{}: found {}, expected private.key and public.crt (with trusted.* and revoked.*), or "
                        "tls.key and tls.crt (with ca.crt)",
                        files_.directory, list_of_others()));
    }

    [[nodiscard]] tl::unexpected<base::Error> ambiguous(std::string_view one, std::string_view other) const {
        return invalid(fmt::format(
            "{}: found {} and {}, which belong to two layouts; expected only one of them: private.key, "
            "public.crt, trusted.*, revoked.* as keys; or the same with directories trusted and revoked; or "
            "tls.key, tls.crt, ca.crt",
            files_.directory, one, other));
    }

    [[nodiscard]] std::string list_of_others() const {
        if (files_.ignored.empty()) return "nothing";
        std::string names;
        for (const auto& name : files_.ignored) names += (names.empty() ? "" : ", ") + name;
        return names;
    }

    Result<void> parse_own(const Layout& layout) {
        const auto* key = find(layout.key);
        const auto* certificate = find(layout.certificate);
        if (key == nullptr && certificate == nullptr) return {};  // Trust alone: no client certificate.
        if (key == nullptr || certificate == nullptr) {
            return invalid(fmt::format("{}: found {} without {}", files_.directory,
                                       key == nullptr ? layout.certificate : layout.key,
                                       key == nullptr ? layout.key : layout.certificate));
        }
        N4B_TRY(const auto passphrase, read_passphrase());
        N4B_TRY(material_.key, parse_key(source(*key), passphrase));
        N4B_TRY_VOID(parse_certificates(source(*certificate), material_.chain));
        return check_pair(layout);
    }

    Result<std::optional<std::string_view>> read_passphrase() const {
        const auto* file = find(kPassphrase);
        if (file == nullptr) return std::nullopt;
        auto text = file->bytes.view();
        while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
        if (text.size() <= PEM_BUFSIZE) return text;
        return invalid(fmt::format("{}/{}: found {} bytes, expected at most {}", files_.directory, kPassphrase,
                                   text.size(), PEM_BUFSIZE));
    }

    /// The key belongs to the first certificate of the chain, which leaves the chain.
    Result<void> check_pair(const Layout& layout) {
        auto& chain = material_.chain;
        const auto mine = std::find_if(chain.begin(), chain.end(), [&](const CertificateHandle& certificate) {
            return X509_check_private_key(certificate.get(), material_.key.get()) == 1;
        });
        ERR_clear_error();
        if (mine == chain.begin()) {
            material_.certificate = std::move(chain.front());
            chain.erase(chain.begin());
            return {};
        }
        const auto what =
            fmt::format("{}: {} ({}) does not belong to the first certificate in {} ({})", files_.directory, layout.key,
                        describe(material_.key.get()), layout.certificate, describe(chain.front().get()).subject);
        return base::fail(ErrorCode::kInvalid, Reason::kTlsKeyMismatch,
                          mine == chain.end() ? what
                                              : fmt::format("{}, but to number {}; its own must come first", what,
                                                            mine - chain.begin() + 1));
    }

    Result<void> parse_trust(const TlsFile& file) {
        if (is_empty_authority(file)) {
            material_.empty_authority = true;
            return {};
        }
        if (is_trusted(file.name) || file.name == kAuthority) {
            return parse_certificates(source(file), material_.trusted);
        }
        if (is_revoked(file.name)) return parse_revoked(source(file), material_.revoked);
        return {};
    }

    const TlsFiles& files_;
    TlsMaterial material_{};
};

}  // namespace

bool has_meaning(std::string_view name) {
    constexpr std::array kNames{kPolicy.key, kPolicy.certificate, kCertManager.key, kCertManager.certificate,
                                kAuthority,  kPassphrase};
    return std::find(kNames.begin(), kNames.end(), name) != kNames.end() || is_trusted(name) || is_revoked(name);
}

Result<TlsMaterial> parse_tls_material(const TlsFiles& files) {
    return Parser(files).parse();
}

}  // namespace n4b::net
