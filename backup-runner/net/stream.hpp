#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "common/base/clock.hpp"
#include "common/base/result.hpp"

namespace n4b::net {

/// A resolved address: what a connection goes to. Text form "10.1.2.3:6362" or "[fd00::1]:6362".
struct Address {
    std::string ip;
    std::uint16_t port = 0;
    bool operator==(const Address&) const = default;
};

std::string to_string(const Address& address);

/// A connected byte stream. One thread, except that the stop token given at connect ends a blocked call from anywhere.
class Stream {
public:
    virtual ~Stream() = default;

    /// Blocks until at least one byte is there; 0 is a clean end of stream. Deadline, Cancelled, Unavailable (reset).
    virtual base::Result<std::size_t> read_some(std::span<std::byte> into, base::Deadline deadline) = 0;

    /// Blocks until all of it was taken. Deadline, Cancelled, Unavailable.
    virtual base::Result<void> write(std::span<const std::byte> bytes, base::Deadline deadline) = 0;
};

/// How connections come to be: the seam for tests.
class Dialer {
public:
    virtual ~Dialer() = default;

    /// All addresses of a name or literal, in the resolver's order. NotFound (SourceNameNotResolved), Deadline,
    /// Cancelled.
    virtual base::Result<std::vector<Address>> resolve(const std::string& host, std::uint16_t port,
                                                       base::Deadline deadline, std::stop_token stop) = 0;

    /// Unavailable (SourceUnreachable): refused or no route; Deadline (SourceUnreachable); Cancelled.
    virtual base::Result<std::unique_ptr<Stream>> connect(const Address& address, base::Deadline deadline,
                                                          std::stop_token stop) = 0;
};

/// Plain TCP by Boost.Asio. Thread-safe.
std::unique_ptr<Dialer> tcp_dialer();

}  // namespace n4b::net
