#include <gtest/gtest.h>

#include <array>
#include <future>
#include <thread>

#include "backup-runner/catchup/session.hpp"
#include "backup-runner/net/tls.hpp"
#include "tests/support/fake_catchup_server.hpp"
#include "tests/support/tls_directory.hpp"
#include "tests/support/tls_peer.hpp"
#include "tests/support/troubleshooting.hpp"

namespace n4b::catchup {
namespace {

using base::Reason;
using net::TlsSettings;
using net::Verification;
using testing::FakeCatchupServer;
using testing::Identity;
using testing::TlsDirectory;
using testing::TlsPeer;
using testing::TlsPeerOptions;

/// Everybody in these tests, made once.
struct Pki {
    Identity root{{.name = "root", .authority = true}};
    Identity middle{{.name = "middle", .authority = true}, &root};
    Identity other_root{{.name = "other root", .authority = true}};
    Identity server{{.name = "server", .alternatives = {"DNS:neo4j", "DNS:*.db.svc", "IP:10.0.0.1"}}, &root};
    Identity server_below_middle{{.name = "neo4j"}, &middle};
    Identity expired{{.name = "neo4j", .from_days = -20, .to_days = -10}, &root};
    Identity future{{.name = "neo4j", .from_days = 10, .to_days = 20}, &root};
    Identity clients_only{{.name = "neo4j", .extended_usage = "clientAuth"}, &root};
    Identity self_signed{{.name = "neo4j"}};
    Identity client{{.name = "client"}, &root};
    Identity expired_client{{.name = "old client", .from_days = -20, .to_days = -10}, &root};
    Identity stranger{{.name = "stranger"}, &other_root};
};
const Pki& pki() {
    static const Pki kPki;
    return kPki;
}

constexpr std::array kVersions{TLS1_2_VERSION, TLS1_3_VERSION};

class TlsSessionTest : public ::testing::Test {
protected:
    TlsSessionTest() { directory_.client(pki().client).trust(pki().root); }

    [[nodiscard]] TlsSettings settings() const { return {.directory = directory_.path()}; }

    static TlsPeerOptions demanding(int version) {
        return {.identity = &pki().server, .clients = {&pki().root}, .least_version = version, .most_version = version};
    }

    base::Result<std::unique_ptr<Session>> open(const TlsPeer& peer, const TlsSettings& tls,
                                                std::stop_token stop = {}) {
        N4B_TRY(dialer_, net::tls_dialer(tls));
        family_.reset();
        return Session::open(*dialer_, peer.address(), options_, std::move(stop), family_);
    }

    /// Opening must fail with the reason, and say all of the parts.
    void expect_mistake(const TlsPeerOptions& peer_options, const TlsSettings& tls, Reason reason,
                        const std::vector<std::string>& parts) {
        const TlsPeer peer(server_, peer_options);
        const auto session = open(peer, tls);
        ASSERT_FALSE(session) << "expected " << to_string(reason);
        const auto& message = session.error().message;
        EXPECT_EQ(session.error().reason, reason) << message;
        if (const auto row = testing::undocumented(reason, message)) ADD_FAILURE() << *row;
        for (const auto& part : parts) EXPECT_NE(message.find(part), std::string::npos) << part << " in " << message;
    }

    FakeCatchupServer server_;
    TlsDirectory directory_;
    SessionOptions options_{.connect = std::chrono::seconds(10), .handshake = std::chrono::seconds(10)};
    std::unique_ptr<net::Dialer> dialer_;
    std::optional<Family> family_;
};

TEST_F(TlsSessionTest, ShakesHandsTwiceOnOneConnection) {
    for (const int version : kVersions) {
        const TlsPeer peer(server_, demanding(version));
        const auto session = open(peer, settings());
        ASSERT_TRUE(session) << session.error().message;
        EXPECT_EQ((*session)->store_id().value(), server_.id);
        EXPECT_EQ((*session)->last_committed(server_.id).value(), 9);
        EXPECT_EQ(peer.connections(), 1);
        EXPECT_EQ(peer.sessions(), 2);
        const auto* security = (*session)->security();
        ASSERT_NE(security, nullptr);
        EXPECT_EQ(security->version, version == TLS1_2_VERSION ? "TLSv1.2" : "TLSv1.3");
        EXPECT_FALSE(security->cipher.empty());
        EXPECT_TRUE(security->client_certificate_requested);
        const auto now = base::RealClock().system_now();
        EXPECT_GT(security->certificate_expires.value(), now + std::chrono::days(29));
        EXPECT_LT(security->certificate_expires.value(), now + std::chrono::days(31));
        EXPECT_GT(security->server_certificate_expires.value(), now + std::chrono::days(29));
    }
}

TEST_F(TlsSessionTest, EndsWhenThePeerHasSaidGoodbyeAndIsGone) {
    auto peer_options = demanding(TLS1_3_VERSION);
    peer_options.goodbye = true;
    TlsPeer peer(server_, peer_options);
    std::stop_source stop;
    const auto session = open(peer, settings(), stop.get_token());
    ASSERT_TRUE(session) << session.error().message;
    const auto id = (*session)->store_id();
    ASSERT_TRUE(id) << id.error().message;
    peer.reset();
    // Stopped in the end, so that a request that never ends fails the test and does not hang it.
    std::promise<void> ended;
    const std::jthread patience([&, end = ended.get_future()]() mutable {
        if (end.wait_for(std::chrono::seconds(5)) == std::future_status::timeout) stop.request_stop();
    });
    const auto answer = (*session)->last_committed(server_.id);
    ended.set_value();
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().reason, Reason::kSourceConnectionLost) << answer.error().message;
    if (const auto row = testing::undocumented(*answer.error().reason, answer.error().message)) ADD_FAILURE() << *row;
}

TEST_F(TlsSessionTest, FindsTheOtherMagicInsideTls) {
    for (const int version : kVersions) {
        auto options = demanding(version);
        options.magic = "ONGDB_CLUSTER";
        const TlsPeer peer(server_, options);
        const auto session = open(peer, settings());
        ASSERT_TRUE(session) << session.error().message;
        EXPECT_EQ(family_, Family::kOngdb);
        EXPECT_EQ(peer.connections(), 2);
    }
}

TEST_F(TlsSessionTest, TellsWhetherAClientCertificateWasAskedFor) {
    auto options = demanding(TLS1_3_VERSION);
    options.clients.clear();
    const TlsPeer peer(server_, options);
    auto session = open(peer, settings());
    ASSERT_TRUE(session) << session.error().message;
    EXPECT_FALSE((*session)->security()->client_certificate_requested);
    TlsDirectory trust_alone;
    session = open(peer, {.directory = trust_alone.trust(pki().root).path()});
    ASSERT_TRUE(session) << session.error().message;
    EXPECT_FALSE((*session)->security()->certificate_expires);
}

TEST_F(TlsSessionTest, TakesWhatTheVerificationAllows) {
    const auto& p = pki();
    struct Case {
        const char* what;
        std::vector<const Identity*> presented;
        TlsSettings tls;
    };
    TlsDirectory middle;
    middle.trust(p.middle);
    TlsDirectory leaf;
    leaf.trust(p.self_signed).with("revoked.crl", p.root.revocation_list({}));
    TlsDirectory lists;
    lists.trust(p.root).with("revoked.crl", p.root.revocation_list({&p.client}) + p.middle.revocation_list({}));
    const std::vector<Case> cases{
        {"a chain below the root", {&p.server_below_middle, &p.middle}, settings()},
        {"an authority in the middle as anchor", {&p.server_below_middle}, {.directory = middle.path()}},
        {"the peer's own certificate as anchor, with lists of others", {&p.self_signed}, {.directory = leaf.path()}},
        {"lists of every issuer", {&p.server_below_middle, &p.middle}, {.directory = lists.path()}},
        {"another name, given", {&p.server}, {.directory = directory_.path(), .server_name = "replica-0.db.svc."}},
        {"an address, given", {&p.server}, {.directory = directory_.path(), .server_name = "10.0.0.1"}},
        {"any name for Chain",
         {&p.server},
         {.directory = directory_.path(), .verification = Verification::kChain, .server_name = "elsewhere"}},
        {"anything for None", {&p.expired}, {.verification = Verification::kNone}},
    };
    for (const auto& c : cases) {
        const TlsPeer peer(server_,
                           {.identity = c.presented.front(), .chain = {c.presented.begin() + 1, c.presented.end()}});
        const auto session = open(peer, c.tls);
        EXPECT_TRUE(session) << c.what << ": " << session.error().message;
    }
}

TEST_F(TlsSessionTest, TellsWhatIsWrongWithTheServersCertificate) {
    const auto& p = pki();
    TlsDirectory revoking;
    revoking.trust(p.root).with("revoked.crl", p.root.revocation_list({&p.server}));
    TlsDirectory half;
    half.trust(p.root).with("revoked.crl", p.root.revocation_list({}));
    TlsDirectory no_middle;
    no_middle.trust(p.root).with("revoked.crl", p.root.revocation_list({&p.middle}) + p.middle.revocation_list({}));
    TlsDirectory outdated;
    outdated.trust(p.root).with("revoked.crl", p.root.revocation_list({}, -1));
    struct Case {
        std::vector<const Identity*> presented;
        TlsSettings tls;
        Reason reason;
        std::vector<std::string> parts;
    };
    const auto all = settings();
    const std::vector<Case> cases{
        {{&p.expired},
         all,
         Reason::kServerCertificateExpired,
         {"has expired on 2", "subject CN=neo4j, issuer CN=root"}},
        {{&p.future}, all, Reason::kServerCertificateNotYetValid, {"is not valid before 2", "subject CN=neo4j"}},
        {{&p.stranger},
         all,
         Reason::kServerCertificateUntrusted,
         {"is not trusted: unable to get local issuer certificate", "subject CN=stranger, issuer CN=other root"}},
        {{&p.self_signed}, all, Reason::kServerCertificateUntrusted, {"self-signed certificate"}},
        {{&p.clients_only}, all, Reason::kServerCertificateUntrusted, {"unsuitable certificate purpose"}},
        {{&p.server},
         {.directory = revoking.path()},
         Reason::kServerCertificateRevoked,
         {"the source's certificate is revoked", "subject CN=server, issuer CN=root"}},
        {{&p.server_below_middle, &p.middle},
         {.directory = no_middle.path()},
         Reason::kServerCertificateRevoked,
         {"certificate 1 above the source's own is revoked", "subject CN=middle, issuer CN=root"}},
        {{&p.server},
         {.directory = outdated.path()},
         Reason::kServerCertificateUntrusted,
         {"CRL has expired", "subject CN=server"}},
        {{&p.server_below_middle, &p.middle},
         {.directory = half.path()},
         Reason::kServerCertificateUntrusted,
         {"found no revocation list of its issuer", "issuer CN=middle"}},
        {{&p.server},
         {.directory = all.directory, .server_name = "elsewhere"},
         Reason::kServerNameMismatch,
         {"is for neo4j, *.db.svc, 10.0.0.1, expected elsewhere", "verification to Chain"}},
        {{&p.server_below_middle, &p.middle},
         {.directory = all.directory, .server_name = "10.0.0.9"},
         Reason::kServerNameMismatch,
         {"is for neo4j, expected 10.0.0.9"}},
    };
    for (const auto& c : cases) {
        for (const int version : kVersions) {
            expect_mistake({.identity = c.presented.front(),
                            .chain = {c.presented.begin() + 1, c.presented.end()},
                            .least_version = version,
                            .most_version = version},
                           c.tls, c.reason, c.parts);
        }
    }
}

TEST_F(TlsSessionTest, TellsWhatIsWrongWithOurCertificate) {
    const auto& p = pki();
    TlsDirectory none;
    none.trust(p.root);
    TlsDirectory unknown;
    unknown.client(p.stranger).trust(p.root);
    TlsDirectory expired;
    expired.client(p.expired_client).trust(p.root);
    for (const int version : kVersions) {
        auto options = demanding(version);
        expect_mistake(options, {.directory = none.path()}, Reason::kTlsClientCertificateRequired,
                       {"demands a client certificate", "expected private.key and public.crt"});
        expect_mistake(options, {.directory = unknown.path()}, Reason::kTlsClientCertificateRejected,
                       {"alert unknown CA", "subject CN=stranger, issuer CN=other root", "trusted directory"});
        expect_mistake(options, {.directory = expired.path()}, Reason::kTlsClientCertificateRejected,
                       {"subject CN=old client", "it has expired"});
        options.revoking = &p.root;
        options.revoked = &p.client;
        expect_mistake(options, settings(), Reason::kTlsClientCertificateRejected,
                       {"alert certificate revoked", "subject CN=client"});
        options = demanding(version);
        options.vague = true;
        expect_mistake(options, settings(), Reason::kTlsClientCertificateRejected,
                       {"alert internal error", "subject CN=client", "trusted directory"});
    }
}

TEST_F(TlsSessionTest, TellsThatNoVersionOrCipherIsCommon) {
    auto options = demanding(TLS1_1_VERSION);
    expect_mistake(options, settings(), Reason::kTlsNoCommonVersion, {"TLSv1.2 or TLSv1.3"});
    options = demanding(TLS1_2_VERSION);
    options.ciphers = "ECDHE-ECDSA-NULL-SHA";
    expect_mistake(options, settings(), Reason::kTlsNoCommonVersion, {"cipher"});
}

TEST_F(TlsSessionTest, TellsClearTextSpokenToATlsPort) {
    for (const int version : kVersions) {
        const TlsPeer peer(server_, demanding(version));
        const auto dialer = net::tcp_dialer();
        const auto session = Session::open(*dialer, peer.address(), options_, {}, family_);
        ASSERT_FALSE(session);
        EXPECT_EQ(session.error().reason, Reason::kSourceRequiresTls) << session.error().message;
        EXPECT_EQ(testing::undocumented(Reason::kSourceRequiresTls, session.error().message), std::nullopt);
    }
}

TEST_F(TlsSessionTest, TellsTlsSpokenToAClearTextPort) {
    options_.connect = std::chrono::seconds(1);
    for (const char* magic : {"NEO4J_CLUSTER", "ONGDB_CLUSTER"}) {
        expect_mistake({.magic = magic}, settings(), Reason::kSourceSpeaksClearText,
                       {"found a catchup server in clear text, expected TLS"});
    }
}

TEST_F(TlsSessionTest, TellsOtherServices) {
    expect_mistake({.words = "HTTP/1.1 400 Bad Request\r\n\r\n"}, settings(), Reason::kNotCatchupServer,
                   {"does not answer in TLS"});
    auto options = demanding(TLS1_3_VERSION);
    options.magic = "another";
    expect_mistake(options, settings(), Reason::kNotCatchupServer, {"not a catchup server in TLS"});
}

TEST_F(TlsSessionTest, WaitsForTheSecondSessionOnlyAWhile) {
    options_.connect = std::chrono::seconds(1);
    auto options = demanding(TLS1_3_VERSION);
    options.sessions = 1;
    expect_mistake(options, settings(), Reason::kSourceStalled,
                   {"second TLS session: the source did not answer the TLS greeting"});
}

TEST_F(TlsSessionTest, EndsAHandshakeWhenStopped) {
    const TlsPeer peer(server_, {});  // clear text: silent for ever
    std::stop_source stop;
    const std::jthread stopper([&] {
        while (peer.connections() == 0) std::this_thread::yield();
        stop.request_stop();
    });
    const auto session = open(peer, settings(), stop.get_token());
    ASSERT_FALSE(session);
    EXPECT_EQ(session.error().reason, Reason::kCancelled) << session.error().message;
}

TEST_F(TlsSessionTest, NeedsSomethingToVerifyWith) {
    TlsDirectory bare;
    bare.client(pki().client);
    const auto dialer = net::tls_dialer({.directory = bare.path()});
    ASSERT_FALSE(dialer);
    EXPECT_EQ(dialer.error().reason, Reason::kTlsMaterialInvalid);
    EXPECT_NE(dialer.error().message.find(bare.path() + ": found no trusted certificate"), std::string::npos);
    bare.with("ca.crt", "");
    EXPECT_NE(net::tls_dialer({.directory = bare.path()}).error().message.find("and an empty ca.crt"),
              std::string::npos);
    EXPECT_TRUE(net::tls_dialer({.directory = bare.path(), .trust = {directory_.path() + "/trusted.crt"}}));
    EXPECT_TRUE(net::tls_dialer({.directory = bare.path(), .verification = Verification::kNone}));
}

}  // namespace
}  // namespace n4b::catchup
