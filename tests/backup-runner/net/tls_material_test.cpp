#include "backup-runner/net/tls_material.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "tests/support/tls_identity.hpp"
#include "tests/support/troubleshooting.hpp"

namespace n4b::net {
namespace {

using base::Reason;
using testing::Identity;
using testing::KeyKind;

/// An authority and a client, made once: keys take their time under sanitizers.
struct Pki {
    Identity root{{.name = "root", .authority = true}};
    Identity middle{{.name = "middle", .authority = true}, &root};
    Identity client{{.name = "client"}, &middle};
    Identity rsa{{.name = "rsa", .key = KeyKind::kRsa}, &root};
};
const Pki& pki() {
    static const Pki kPki;
    return kPki;
}

using Contents = std::map<std::string, std::string>;

TlsFiles files_of(const Contents& contents, const Contents& trust = {}) {
    TlsFiles files;
    files.directory = "/tls";
    for (const auto& [name, text] : contents) {
        if (has_meaning(name)) {
            files.own.push_back({.name = name, .bytes = SecretBytes(text)});
        } else {
            files.ignored.push_back(name);
        }
    }
    for (const auto& [name, text] : trust) files.trust.push_back({.name = name, .bytes = SecretBytes(text)});
    return files;
}

base::Result<TlsMaterial> parse(const Contents& contents, const Contents& trust = {}) {
    return parse_tls_material(files_of(contents, trust));
}

std::string message_of(const base::Result<TlsMaterial>& result) {
    return result ? "no error" : result.error().message;
}

Contents flat() {
    return {{"private.key", pki().client.key_pem()},
            {"public.crt", pki().client.certificate_pem() + pki().middle.certificate_pem()},
            {"trusted.crt", pki().root.certificate_pem()}};
}

TEST(TlsMaterial, TakesEachLayout) {
    const auto chain = pki().client.certificate_pem() + pki().middle.certificate_pem();
    const std::vector<Contents> layouts{
        flat(),
        {{"private.key", pki().client.key_pem()}, {"public.crt", chain}, {"trusted/a", pki().root.certificate_pem()}},
        {{"tls.key", pki().client.key_pem()}, {"tls.crt", chain}, {"ca.crt", pki().root.certificate_pem()}}};
    for (const auto& layout : layouts) {
        const auto material = parse(layout);
        ASSERT_TRUE(material) << material.error().message;
        EXPECT_TRUE(material->key);
        EXPECT_EQ(describe(material->certificate.get()).subject, "CN=client");
        EXPECT_EQ(material->chain.size(), 1U);
        EXPECT_EQ(material->trusted.size(), 1U);
    }
}

TEST(TlsMaterial, TakesSeveralTrustedCertificatesInEveryForm) {
    auto contents = flat();
    contents["trusted.crt"] = "a comment\n" + pki().root.certificate_pem() + pki().middle.certificate_pem();
    contents["trusted.der"] = pki().root.certificate_der() + pki().middle.certificate_der();
    contents["revoked.crl"] = pki().root.revocation_list({}) + pki().middle.revocation_list({&pki().client});
    const auto material = parse(contents, {{"/bundle", pki().root.certificate_pem()}});
    ASSERT_TRUE(material) << material.error().message;
    EXPECT_EQ(material->trusted.size(), 5U);
    EXPECT_EQ(material->revoked.size(), 2U);
}

TEST(TlsMaterial, TakesEveryFormOfPrivateKey) {
    const auto& p = pki();
    struct Case {
        const char* what;
        const Identity& identity;
        std::string key;
        const char* passphrase;
    };
    const std::vector<Case> cases{
        {"PKCS#8, EC", p.client, p.client.key_pem(), nullptr},
        {"PKCS#8, RSA", p.rsa, p.rsa.key_pem(), nullptr},
        {"PKCS#1", p.rsa, p.rsa.traditional_key_pem(), nullptr},
        {"SEC1", p.client, p.client.traditional_key_pem(), nullptr},
        {"DER", p.rsa, p.rsa.key_der(), nullptr},
        {"encrypted PKCS#8", p.client, p.client.encrypted_key_pem("secret"), "secret\n"},
        {"encrypted PKCS#1", p.rsa, p.rsa.traditional_key_pem("secret"), "secret"},
        {"with an idle passphrase", p.client, p.client.key_pem(), "secret"},
    };
    for (const auto& c : cases) {
        Contents contents{{"tls.key", c.key}, {"tls.crt", c.identity.certificate_pem()}};
        if (c.passphrase != nullptr) contents["passphrase"] = c.passphrase;
        const auto material = parse(contents);
        EXPECT_TRUE(material) << c.what << ": " << message_of(material);
    }
}

TEST(TlsMaterial, NeedsNoClientCertificate) {
    const auto material = parse({{"ca.crt", pki().root.certificate_pem()}, {"truststore.jks", "x"}});
    ASSERT_TRUE(material) << material.error().message;
    EXPECT_FALSE(material->key);
    EXPECT_EQ(material->trusted.size(), 1U);
}

TEST(TlsMaterial, TakesAnEmptyAuthorityForNone) {
    const auto& p = pki();
    // As some issuers of cert-manager leave it.
    for (const char* empty : {"", "\n"}) {
        const auto material =
            parse({{"tls.key", p.client.key_pem()}, {"tls.crt", p.client.certificate_pem()}, {"ca.crt", empty}});
        ASSERT_TRUE(material) << material.error().message;
        EXPECT_TRUE(material->trusted.empty());
        EXPECT_TRUE(material->empty_authority);
    }
}

TEST(TlsMaterial, NamesWhatCannotBeRead) {
    const auto& p = pki();
    const auto key = p.client.key_pem();
    const auto certificate = p.client.certificate_pem();
    struct Case {
        Contents contents;
        std::vector<std::string> parts;
    };
    const std::vector<Case> cases{
        {{{"private.key", key}, {"public.crt", certificate}, {"tls.crt", certificate}},
         {"/tls: found private.key and tls.crt", "two layouts"}},
        {{{"trusted.crt", certificate}, {"trusted/a.crt", certificate}}, {"found trusted.crt and trusted/a.crt"}},
        {{{"keystore.p12", "x"}}, {"/tls: found keystore.p12, expected private.key and public.crt"}},
        {{}, {"/tls: found nothing, expected private.key"}},
        {{{"private.key", key}}, {"/tls: found private.key without public.crt"}},
        {{{"tls.crt", certificate}}, {"/tls: found tls.crt without tls.key"}},
        {{{"private.key", certificate}, {"public.crt", certificate}},
         {"/tls/private.key: found PEM of CERTIFICATE, expected a private key"}},
        {{{"private.key", ""}, {"public.crt", certificate}}, {"/tls/private.key: found an empty file, expected"}},
        {{{"private.key", "LS0tLS1CRUdJTiBQUklWQVRF"}, {"public.crt", certificate}}, {"in base64 once more"}},
        {{{"private.key", key}, {"public.crt", key}},
         {"/tls/public.crt: found PEM of PRIVATE KEY, expected certificates"}},
        {{{"private.key", key}, {"public.crt", "hello"}},
         {"/tls/public.crt: found 5 bytes that are neither PEM nor DER"}},
        {{{"private.key", key}, {"public.crt", certificate}, {"trusted.b", certificate.substr(0, 200)}},
         {"/tls/trusted.b: found PEM of CERTIFICATE", "number 1 can't be read"}},
        {{{"private.key", key}, {"public.crt", certificate}, {"revoked.crl", certificate}},
         {"/tls/revoked.crl: found PEM of CERTIFICATE, expected revocation lists (X509 CRL)"}},
        {{{"private.key", p.client.encrypted_key_pem("secret")}, {"public.crt", certificate}},
         {"/tls/private.key: found an encrypted private key, expected its passphrase in the key \"passphrase\""}},
        {{{"private.key", p.client.encrypted_key_pem("secret")}, {"public.crt", certificate}, {"passphrase", "wrong"}},
         {"/tls/private.key: found an encrypted private key that the passphrase beside it does not open"}},
    };
    for (const auto& c : cases) {
        const auto material = parse(c.contents);
        ASSERT_FALSE(material) << c.parts.front();
        EXPECT_EQ(material.error().reason, Reason::kTlsMaterialInvalid);
        for (const auto& part : c.parts) {
            EXPECT_NE(material.error().message.find(part), std::string::npos) << material.error().message;
        }
        EXPECT_EQ(material.error().message.find("wrong"), std::string::npos) << "a passphrase in a message";
        if (const auto row = testing::undocumented(Reason::kTlsMaterialInvalid, material.error().message)) {
            ADD_FAILURE() << *row;
        }
    }
}

TEST(TlsMaterial, TellsAKeyThatDoesNotFit) {
    auto material = parse({{"private.key", pki().rsa.key_pem()}, {"public.crt", pki().client.certificate_pem()}});
    ASSERT_FALSE(material);
    EXPECT_EQ(material.error().reason, Reason::kTlsKeyMismatch);
    EXPECT_EQ(material.error().message,
              "/tls: private.key (RSA key of 2048 bits) does not belong to the first certificate in public.crt "
              "(CN=client)");
    EXPECT_EQ(testing::undocumented(Reason::kTlsKeyMismatch, material.error().message), std::nullopt);
    material = parse({{"private.key", pki().client.key_pem()},
                      {"public.crt", pki().middle.certificate_pem() + pki().client.certificate_pem()}});
    ASSERT_FALSE(material);
    EXPECT_EQ(material.error().reason, Reason::kTlsKeyMismatch);
    EXPECT_NE(material.error().message.find("but to number 2; its own must come first"), std::string::npos);
    EXPECT_EQ(testing::undocumented(Reason::kTlsKeyMismatch, material.error().message), std::nullopt);
}

class TlsFilesTest : public ::testing::Test {
protected:
    TlsFilesTest() {
        char pattern[] = "/tmp/n4b-tls-test-XXXXXX";
        root_ = ::mkdtemp(pattern);
    }
    ~TlsFilesTest() override { std::filesystem::remove_all(root_); }
    void write(const std::string& name, const std::string& text) {
        const auto path = std::filesystem::path(root_) / name;
        std::filesystem::create_directories(path.parent_path());
        std::ofstream(path, std::ios::binary) << text;
    }
    std::string root_;
};

TEST_F(TlsFilesTest, ReadsAMountedSecretThroughItsLinks) {
    for (const auto& [name, text] : flat()) {
        write("..2026_11_25_06_40_00.1/" + name, text);
        std::filesystem::create_symlink("..data/" + name, root_ + "/" + name);
    }
    std::filesystem::create_directory_symlink("..2026_11_25_06_40_00.1", root_ + "/..data");
    const auto files = read_tls_files(root_, {});
    ASSERT_TRUE(files) << files.error().message;
    EXPECT_EQ(files->own.size(), 3U);
    EXPECT_TRUE(parse_tls_material(*files));
}

TEST_F(TlsFilesTest, ReadsAPolicyDirectoryAsItIs) {
    write("private.key", pki().client.key_pem());
    write("public.crt", pki().client.certificate_pem());
    write("trusted/a.crt", pki().root.certificate_pem());
    write("trusted/..data", "a link of Kubernetes");
    write("revoked/root.crl", pki().root.revocation_list({}));
    const auto files = read_tls_files(root_, {root_ + "/trusted/a.crt"});
    ASSERT_TRUE(files) << files.error().message;
    const auto material = parse_tls_material(*files);
    ASSERT_TRUE(material) << material.error().message;
    EXPECT_EQ(material->trusted.size(), 2U);
    EXPECT_EQ(material->revoked.size(), 1U);
}

TEST_F(TlsFilesTest, NamesWhatCannotBeOpened) {
    const auto message = [](const base::Result<TlsFiles>& files) {
        EXPECT_FALSE(files);
        if (files) return std::string();
        EXPECT_EQ(files.error().reason, Reason::kTlsMaterialInvalid);
        return files.error().message;
    };
    EXPECT_EQ(message(read_tls_files(root_ + "/missing", {})),
              root_ + "/missing: cannot be read: No such file or directory");
    EXPECT_EQ(message(read_tls_files("", {root_ + "/no.crt"})),
              root_ + "/no.crt: cannot be read: No such file or directory");
    std::filesystem::create_directories(root_ + "/trusted/sub");
    EXPECT_EQ(message(read_tls_files(root_, {})), root_ + "/trusted/sub: found a directory, expected a file");
    std::filesystem::remove_all(root_ + "/trusted");
    ASSERT_EQ(::mkfifo((root_ + "/public.crt").c_str(), 0600), 0);
    EXPECT_EQ(message(read_tls_files(root_, {})),
              root_ + "/public.crt: found something that is not a file, expected a file");
}

TEST_F(TlsFilesTest, BoundsWhatItReads) {
    write("trusted.big", std::string((1 << 20) + 1, 'x'));
    EXPECT_EQ(read_tls_files(root_, {}).error().message,
              root_ + "/trusted.big: found 1048577 bytes, expected at most 1048576");
    std::filesystem::remove(root_ + "/trusted.big");
    for (const char* name : {"trusted.a", "trusted.b", "trusted.c"}) write(name, std::string(1 << 20, 'x'));
    EXPECT_EQ(read_tls_files(root_, {}).error().message,
              root_ + "/trusted.c: keys, certificates and revocation lists have more than 2097152 bytes together");
    for (int i = 0; i <= 1000; ++i) write("other" + std::to_string(i), "");
    EXPECT_EQ(read_tls_files(root_, {}).error().message, root_ + ": more than 1000 files");
}

}  // namespace
}  // namespace n4b::net
