#pragma once

#include <map>
#include <string>

#include "tests/support/fake_catchup_server.hpp"

namespace n4b::testing {

/// Several servers in memory, by address. "dead-..." takes no connection and refuses none, as behind a lost route; what
/// is not listed refuses. Thread-safe as a Dialer; its servers are set before it is used.
class FakeNetwork final : public net::Dialer {
public:
    std::map<std::string, FakeCatchupServer*> servers{};

    base::Result<std::vector<net::Address>> resolve(const std::string& host, std::uint16_t port, base::Deadline,
                                                    std::stop_token) override;
    base::Result<std::unique_ptr<net::Stream>> connect(const net::Address& address, base::Deadline deadline,
                                                       std::stop_token stop) override;
};

}  // namespace n4b::testing
