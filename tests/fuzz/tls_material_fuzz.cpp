#include <array>
#include <cstdint>
#include <string>

#include "backup-runner/net/tls_material.hpp"

/// Files one after the other: a byte that chooses the name, three bytes of length, contents. No passphrase among them:
/// a key may ask for as many rounds of hashing as it likes before it opens.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    constexpr std::array kNames{"private.key", "public.crt", "trusted.a", "trusted/a", "revoked.a",
                                "revoked/a",   "tls.key",    "tls.crt",   "ca.crt",    "/trust"};
    n4b::net::TlsFiles files;
    files.directory = "/tls";
    while (size >= 4) {
        const std::string name = kNames[data[0] % kNames.size()];
        std::size_t length = (std::size_t{data[1]} << 16U) + (std::size_t{data[2]} << 8U) + data[3];
        data += 4;
        size -= 4;
        if (length > size) length = size;
        const std::string_view text(reinterpret_cast<const char*>(data), length);
        auto& into = name == "/trust" ? files.trust : files.own;
        into.push_back({.name = name, .bytes = n4b::net::SecretBytes(text)});
        data += length;
        size -= length;
    }
    const auto material = n4b::net::parse_tls_material(files);
    if (!material) return 0;
    for (const auto& certificate : material->trusted) {
        (void)n4b::net::describe(certificate.get());
        (void)n4b::net::names_of(certificate.get());
    }
    if (material->key && !material->certificate) __builtin_trap();
    return 0;
}
