// Receives a whole store copy over N connections and throws it away: the speed of the server, and the lower bound of
// any backup. drain HOST PORT CONNECTIONS
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <thread>
#include <vector>

#include "backup-runner/catchup/session.hpp"

namespace {

using n4b::base::Result;
namespace catchup = n4b::catchup;
namespace net = n4b::net;

std::atomic<std::int64_t> received = 0;

struct Discard final : catchup::FileReceiver, catchup::TransactionReceiver {
    Result<void> begin(const std::string&) override { return {}; }
    Result<void> begin(std::size_t) override { return {}; }
    Result<void> data(std::span<const std::byte> bytes) override {
        received += static_cast<std::int64_t>(bytes.size());
        return {};
    }
    Result<void> end() override { return {}; }
};

Result<void> drain(const net::Address& address, int connections) {
    const auto dialer = net::tcp_dialer();
    std::optional<catchup::Family> family;
    const auto open = [&] { return catchup::Session::open(*dialer, address, {}, {}, family); };
    N4B_TRY(const auto session, open());
    N4B_TRY(const auto id, session->store_id());
    Discard discard;
    N4B_TRY(auto prepared, session->prepare(id, discard));
    // The same order as the runner's: the largest first.
    std::stable_partition(prepared.files.begin(), prepared.files.end(), [](const std::string& name) {
        return name == "neostore.propertystore.db" || name == "neostore.relationshipstore.db";
    });
    std::atomic<std::size_t> next = 0;
    std::atomic<bool> failed = false;
    std::vector<std::jthread> threads;
    for (int i = 0; i < connections; ++i) {
        threads.emplace_back([&] {
            auto own = open();
            Discard sink;
            for (std::size_t n = next++; own && n < prepared.files.size(); n = next++) {
                if (!(*own)->file(id, prepared.last_transaction, prepared.files[n], sink)) failed = true;
            }
            if (!own) failed = true;
        });
    }
    threads.clear();
    if (failed) return n4b::base::fail(n4b::base::ErrorCode::kUnavailable, "a connection failed");
    N4B_TRY(const auto pulled, session->pull(id, std::max<std::int64_t>(prepared.last_transaction - 1, 1), discard));
    fmt::print("{} bytes, up to transaction {}\n", received.load(), pulled.latest_transaction);
    return {};
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) {
        fmt::print(stderr, "usage: drain HOST PORT CONNECTIONS\n");
        return 10;
    }
    const auto done =
        drain({.ip = argv[1], .port = static_cast<std::uint16_t>(std::atoi(argv[2]))}, std::atoi(argv[3]));
    if (!done) fmt::print(stderr, "error: {}\n", done.error().message);
    return done ? 0 : 1;
}
