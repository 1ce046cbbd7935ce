#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "backup-runner/engine/backup.hpp"
#include "backup-runner/engine/probe.hpp"
#include "backup-runner/engine/restore.hpp"
#include "backup-runner/engine/restore_choice.hpp"
#include "backup-runner/net/tls.hpp"
#include "tests/backup-runner/engine/sound_artifacts.hpp"
#include "tests/support/fake_catchup_server.hpp"
#include "tests/support/tls_directory.hpp"
#include "tests/support/tls_peer.hpp"

namespace n4b::engine {
namespace {

using base::Reason;
using testing::FakeCatchupServer;
using testing::Identity;
using testing::TlsDirectory;
using testing::TlsPeer;

/// Whole backups from a server with mutual TLS.
class TlsBackupTest : public ::testing::Test {
protected:
    TlsBackupTest() {
        server_.store_file("neostore.propertystore.db.strings") = catchup::Bytes(3'000'000, std::byte{9});
    }

    contract::RunReport back_up(const TlsPeer& peer, const Identity& client) {
        TlsDirectory directory;
        directory.client(client).trust(root_);
        contract::RunSpec spec;
        spec.run = {.uid = "run-" + std::to_string(++runs_), .attempt = 1};
        spec.source = "prod";
        spec.database = "graph.db";
        spec.endpoints = {{.host = "127.0.0.1", .port = peer.address().port}};
        spec.tls = contract::TlsSpec{.directory = directory.path(), .server_name = "neo4j"};
        spec.connections = 3;
        spec.storage_path = repository_.path() + "/repository";
        spec.initialize = true;
        store_ = store_in(repository_.path() + "/repository");
        const auto dialer = net::tls_dialer({.directory = directory.path(), .server_name = "neo4j"});
        EXPECT_TRUE(dialer) << dialer.error().message;
        ProgressCounters progress;
        const base::RealClock clock;
        std::uint32_t random = 0x1000 * static_cast<std::uint32_t>(runs_);
        const BackupEnvironment environment{.dialer = **dialer,
                                            .store = *store_,
                                            .clock = clock,
                                            .random = [random]() mutable { return ++random; },
                                            .progress = progress,
                                            .buffers = kSmallBuffers,
                                            .version = "test"};
        return engine::back_up(spec, environment, {});
    }

    contract::RunReport probe(std::vector<contract::Endpoint> endpoints, const Identity* client) {
        TlsDirectory directory;
        directory.trust(root_);
        if (client != nullptr) directory.client(*client);
        contract::RunSpec spec;
        spec.command = contract::Command::kProbe;
        spec.run = {.uid = "probe", .attempt = 1};
        spec.endpoints = std::move(endpoints);
        spec.tls = contract::TlsSpec{.directory = directory.path(), .server_name = "neo4j"};
        spec.timeouts.connect = std::chrono::seconds(5);
        const auto dialer = net::tls_dialer({.directory = directory.path(), .server_name = "neo4j"});
        EXPECT_TRUE(dialer) << dialer.error().message;
        return engine::probe(spec, **dialer, std::chrono::steady_clock::now(), {});
    }

    Identity root_{{.name = "root", .authority = true}};
    Identity member_{{.name = "neo4j"}, &root_};
    FakeCatchupServer server_;
    TlsDirectory repository_;
    std::unique_ptr<object_store::ObjectStore> store_;
    int runs_ = 0;
};

TEST_F(TlsBackupTest, CopiesOverSeveralConnectionsAndTellsHowTheyWereProtected) {
    const Identity client({.name = "client"}, &root_);
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        const TlsPeer peer(
            server_, {.identity = &member_, .clients = {&root_}, .least_version = version, .most_version = version});
        const auto report = back_up(peer, client);
        ASSERT_EQ(report.reason, Reason::kCompleted) << report.message;
        EXPECT_EQ(report.message.find("warning"), std::string::npos) << report.message;
        ASSERT_TRUE(report.tls);
        EXPECT_EQ(report.tls->version, version == TLS1_2_VERSION ? "TLSv1.2" : "TLSv1.3");
        EXPECT_EQ(report.tls->verification, "Full");
        EXPECT_TRUE(report.tls->client_certificate_requested);
        EXPECT_TRUE(report.tls->certificate_expires && report.tls->server_certificate_expires);
        EXPECT_EQ(peer.sessions(), 2 * peer.connections());

        const auto artifact =
            choose_artifact(*store_, format::Layout::create("prod", "graph.db").value(), report.artifact->chain, {});
        ASSERT_TRUE(artifact);
        const auto target = repository_.path() + "/restored-" + std::to_string(version);
        ASSERT_TRUE(restore(*store_, whole({*artifact}), {.directory = target}, {}));
        std::ifstream file(target + "/neostore.propertystore.db.strings", std::ios::binary);
        EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), std::string(3'000'000, '\x09'));
    }
}

TEST_F(TlsBackupTest, WarnsAboutItsOwnCertificateWhileTheServerStillTakesIt) {
    const TlsPeer peer(server_, {.identity = &member_});
    auto report = back_up(peer, Identity({.name = "old", .from_days = -20, .to_days = -10}, &root_));
    EXPECT_EQ(report.reason, Reason::kCompleted) << report.message;
    EXPECT_NE(report.message.find("warning: our certificate expired on 2"), std::string::npos) << report.message;
    EXPECT_FALSE(report.tls.value().client_certificate_requested);
    report = back_up(peer, Identity({.name = "new", .from_days = 10}, &root_));
    EXPECT_NE(report.message.find("warning: our certificate is not valid before 2"), std::string::npos)
        << report.message;
}

TEST_F(TlsBackupTest, AProbeTellsWhatProtectsEachMember) {
    const Identity client({.name = "client"}, &root_);
    const TlsPeer guarded(server_, {.identity = &member_, .clients = {&root_}, .least_version = TLS1_3_VERSION});
    const TlsPeer open(server_, {.identity = &member_, .most_version = TLS1_2_VERSION});
    const Identity foreign({.name = "neo4j"});
    const TlsPeer untrusted(server_, {.identity = &foreign});
    std::vector<contract::Endpoint> endpoints;
    for (const auto* peer : {&guarded, &open, &untrusted}) {
        endpoints.push_back({.host = "127.0.0.1", .port = peer->address().port});
    }
    const auto report = probe(endpoints, &client);
    ASSERT_EQ(report.reason, Reason::kCompleted) << report.message;
    ASSERT_EQ(report.members.size(), 3U);
    const auto& first = report.members[0].tls;
    ASSERT_TRUE(first) << report.members[0].message;
    EXPECT_EQ(first->version, "TLSv1.3");
    EXPECT_EQ(first->cipher, "TLS_AES_256_GCM_SHA384");
    EXPECT_TRUE(first->client_certificate_requested);
    EXPECT_TRUE(first->certificate_expires && first->server_certificate_expires);
    const auto& second = report.members[1].tls;
    ASSERT_TRUE(second) << report.members[1].message;
    EXPECT_EQ(second->version, "TLSv1.2");
    EXPECT_FALSE(second->client_certificate_requested);
    EXPECT_EQ(report.members[2].reason, Reason::kServerCertificateUntrusted) << report.members[2].message;
    EXPECT_FALSE(report.members[2].tls);
    const auto keyless = probe({endpoints[0]}, nullptr);
    EXPECT_EQ(keyless.reason, Reason::kTlsClientCertificateRequired) << keyless.message;
}

}  // namespace
}  // namespace n4b::engine
