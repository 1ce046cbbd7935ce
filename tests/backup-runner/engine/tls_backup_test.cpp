#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "backup-runner/engine/artifact_reader.hpp"
#include "backup-runner/engine/backup.hpp"
#include "backup-runner/engine/restore.hpp"
#include "backup-runner/net/tls.hpp"
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
        server_.store_files.insert(server_.store_files.begin(),
                                   {"neostore.propertystore.db.strings", catchup::Bytes(3'000'000, std::byte{9})});
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
        spec.storage_path = repository_.path();
        storage_ = std::move(*storage::create_volume(repository_.path()));
        const auto dialer = net::tls_dialer({.directory = directory.path(), .server_name = "neo4j"});
        EXPECT_TRUE(dialer) << dialer.error().message;
        ProgressCounters progress;
        const base::RealClock clock;
        std::uint32_t random = 0x1000 * static_cast<std::uint32_t>(runs_);
        const BackupEnvironment environment{.dialer = **dialer,
                                            .storage = *storage_,
                                            .clock = clock,
                                            .random = [random]() mutable { return ++random; },
                                            .progress = progress,
                                            .buffers = {.receive = 64 * 1024, .write = 4096},
                                            .version = "test"};
        return engine::back_up(spec, environment, {});
    }

    Identity root_{{.name = "root", .authority = true}};
    Identity member_{{.name = "neo4j"}, &root_};
    FakeCatchupServer server_;
    TlsDirectory repository_;
    std::unique_ptr<storage::Storage> storage_;
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

        const auto artifact = choose_artifact(*storage_, "prod", "graph.db", report.artifact->chain);
        ASSERT_TRUE(artifact);
        const auto target = repository_.path() + "/restored-" + std::to_string(version);
        ASSERT_TRUE(restore(*storage_, *artifact, target));
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

}  // namespace
}  // namespace n4b::engine
