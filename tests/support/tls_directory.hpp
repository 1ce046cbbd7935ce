#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/support/tls_identity.hpp"

namespace n4b::testing {

/// A directory of keys and certificates that lives as long as the test.
class TlsDirectory {
public:
    TlsDirectory() {
        char pattern[] = "/tmp/n4b-tls-directory-XXXXXX";
        path_ = ::mkdtemp(pattern);
    }
    ~TlsDirectory() { std::filesystem::remove_all(path_); }
    TlsDirectory(const TlsDirectory&) = delete;
    TlsDirectory& operator=(const TlsDirectory&) = delete;

    TlsDirectory& with(const std::string& name, const std::string& text) {
        std::ofstream(path_ + "/" + name, std::ios::binary) << text;
        return *this;
    }
    TlsDirectory& client(const Identity& identity, const std::string& chain = {}) {
        return with("private.key", identity.key_pem()).with("public.crt", identity.certificate_pem() + chain);
    }
    TlsDirectory& trust(const Identity& identity) { return with("trusted.crt", identity.certificate_pem()); }

    [[nodiscard]] const std::string& path() const { return path_; }

private:
    std::string path_;
};

}  // namespace n4b::testing
