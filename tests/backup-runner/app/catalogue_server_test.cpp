#include "backup-runner/app/catalogue_server.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <thread>

#include "common/contract/catalogue.hpp"
#include "tests/support/http_exchange.hpp"

namespace n4b::runner {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;

engine::ChainRecords chains(int count) {
    engine::ChainRecords records{.artifacts = 2 * count, .left_out = 3};
    for (int i = 0; i < count; ++i) {
        records.chains.push_back({.source = "prod", .database = "graph.db", .chain = fmt::format("c-{}", i)});
    }
    return records;
}

std::unique_ptr<CatalogueServer> serve(const engine::ChainRecords& records) {
    auto server = CatalogueServer::start({.run = {.uid = "u-1", .attempt = 2}}, records);
    EXPECT_TRUE(server) << server.error().message;
    return *std::move(server);
}

std::string page(const CatalogueServer& server, int number) {
    const auto reply = testing::http_exchange(
        server.port(), fmt::format("GET /catalogue/{} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", number));
    EXPECT_TRUE(reply.starts_with("HTTP/1.1 200 OK")) << reply.substr(0, 200);
    return reply.substr(reply.find("\r\n\r\n") + 4);
}

TEST(CatalogueServer, EndsWhenSomebodyHasEveryPage) {
    const auto server = serve(chains(250));
    EXPECT_EQ(server->report().chains, 250);
    EXPECT_EQ(server->report().artifacts, 500);
    EXPECT_EQ(server->report().left_out, 3);
    EXPECT_EQ(server->report().pages, 3);
    std::vector<std::string> pages;
    std::thread reader([&] {
        for (int i = 0; i < 3; ++i) pages.push_back(page(*server, i));
    });
    EXPECT_TRUE(server->serve(minutes(2), {}));
    reader.join();
    EXPECT_EQ(contract::catalogue_digest(pages), server->report().digest);
    const auto last = contract::parse_catalogue_page(pages.back());
    ASSERT_TRUE(last) << last.error().message;
    EXPECT_EQ(last->run_uid, "u-1");
    EXPECT_EQ(last->chains.size(), 50U);
    EXPECT_EQ(last->chains.back().chain, "c-249");
}

TEST(CatalogueServer, AnEmptyStorageHasOnePage) {
    const auto server = serve(chains(0));
    EXPECT_EQ(server->report().pages, 1);
    EXPECT_TRUE(contract::parse_catalogue_page(page(*server, 0))->chains.empty());
    EXPECT_TRUE(server->serve(minutes(2), {}));
}

TEST(CatalogueServer, DoesNotWaitForEver) {
    const auto server = serve(chains(150));
    EXPECT_FALSE(server->serve(milliseconds(1), {}));
    page(*server, 1);
    EXPECT_FALSE(server->serve(milliseconds(1), {})) << "the first page is wanted too";
    std::stop_source stop;
    stop.request_stop();
    EXPECT_FALSE(server->serve(minutes(2), stop.get_token()));
}

}  // namespace
}  // namespace n4b::runner
