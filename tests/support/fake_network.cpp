#include "tests/support/fake_network.hpp"

#include <condition_variable>

namespace n4b::testing {

using base::ErrorCode;
using base::Reason;
using base::Result;

Result<std::vector<net::Address>> FakeNetwork::resolve(const std::string& host, std::uint16_t port, base::Deadline,
                                                       std::stop_token) {
    if (host == "unknown") return base::fail(ErrorCode::kNotFound, Reason::kSourceNameNotResolved, "resolve unknown");
    if (host != "all") return std::vector<net::Address>{{.ip = host, .port = port}};
    std::vector<net::Address> addresses;
    for (const auto& [ip, server] : servers) addresses.push_back({.ip = ip, .port = port});
    return addresses;
}

Result<std::unique_ptr<net::Stream>> FakeNetwork::connect(const net::Address& address, base::Deadline deadline,
                                                          std::stop_token stop) {
    if (address.ip.starts_with("dead")) {
        std::mutex mutex;
        std::condition_variable_any wake;
        std::unique_lock lock(mutex);
        wake.wait_until(lock, stop, deadline.when(), [] { return false; });
        if (stop.stop_requested()) return base::fail(ErrorCode::kCancelled, Reason::kCancelled, "cancelled");
        return base::fail(ErrorCode::kDeadline, Reason::kSourceUnreachable, "connect to " + address.ip + ": timed out");
    }
    const auto found = servers.find(address.ip);
    if (found == servers.end()) {
        return base::fail(ErrorCode::kUnavailable, Reason::kSourceUnreachable,
                          "connect to " + address.ip + ": connection refused");
    }
    return found->second->connect(address, deadline, std::move(stop));
}

}  // namespace n4b::testing
