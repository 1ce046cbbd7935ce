#include "backup-runner/archive/digest.hpp"

#include <openssl/evp.h>

#include <array>

#include "common/base/check.hpp"
#include "common/base/hex.hpp"

namespace n4b::archive {
namespace {

/// What every digest begins with.
constexpr std::string_view kKind = "sha256:";

}  // namespace

struct Sha256::Context {
    std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> handle{EVP_MD_CTX_new(), EVP_MD_CTX_free};
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {
    N4B_CHECK(context_->handle && EVP_DigestInit_ex(context_->handle.get(), EVP_sha256(), nullptr) == 1,
              "OpenSSL has no SHA-256");
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(std::span<const std::byte> bytes) {
    N4B_CHECK(EVP_DigestUpdate(context_->handle.get(), bytes.data(), bytes.size()) == 1, "SHA-256 update");
}

std::string Sha256::finish() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned length = 0;
    N4B_CHECK(EVP_DigestFinal_ex(context_->handle.get(), digest.data(), &length) == 1, "SHA-256 final");
    return std::string(kKind) + base::to_hex(std::as_bytes(std::span(digest.data(), length)));
}

std::string sha256(std::span<const std::byte> bytes) {
    Sha256 digest;
    digest.update(bytes);
    return digest.finish();
}

std::string digits_of(std::string_view digest) {
    return std::string(digest.substr(kKind.size()));
}

}  // namespace n4b::archive
