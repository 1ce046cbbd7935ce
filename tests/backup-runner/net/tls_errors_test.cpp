#include "backup-runner/net/tls_errors.hpp"

#include <gtest/gtest.h>
#include <openssl/err.h>

#include "tests/support/tls_identity.hpp"

namespace n4b::net {
namespace {

using base::Reason;
using testing::Identity;

TlsContext context_of(const Identity& client, const Identity& root) {
    TlsFiles files;
    files.directory = "/tls";
    files.own.push_back({.name = "private.key", .bytes = SecretBytes(client.key_pem())});
    files.own.push_back({.name = "public.crt", .bytes = SecretBytes(client.certificate_pem())});
    files.own.push_back({.name = "trusted.crt", .bytes = SecretBytes(root.certificate_pem())});
    auto material = parse_tls_material(files);
    EXPECT_TRUE(material) << material.error().message;
    auto context = TlsContext::create({.directory = "/tls"}, std::move(*material));
    EXPECT_TRUE(context) << context.error().message;
    return std::move(*context);
}

TEST(TlsErrors, AVagueRefusalIsAboutOurCertificateOnlyBeforeDataFlow) {
    const Identity root{{.name = "root", .authority = true}};
    const Identity client{{.name = "client"}, &root};
    const auto context = context_of(client, root);
    const auto explain = [&](const SessionNotes& notes) {
        ERR_clear_error();
        ERR_raise(ERR_LIB_SSL, SSL_AD_REASON_OFFSET + SSL_AD_INTERNAL_ERROR);
        return explain_tls_failure(context, notes, {}, "neo4j").reason;
    };
    EXPECT_EQ(explain({.certificate_requested = true}), Reason::kTlsClientCertificateRejected);
    EXPECT_EQ(explain({.certificate_requested = true, .data_received = true}), Reason::kSourceProtocolError);
    EXPECT_EQ(explain({}), Reason::kSourceProtocolError);
}

}  // namespace
}  // namespace n4b::net
