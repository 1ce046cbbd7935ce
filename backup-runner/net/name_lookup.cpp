#include "backup-runner/net/name_lookup.hpp"

#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

namespace n4b::net {
namespace {

using base::ErrorCode;
using base::Reason;
using base::Result;

using Addresses = Result<std::vector<Address>>;

/// What the thread that asks shares with the one that waits; it belongs to both, so either may go first.
struct Lookup {
    std::string host;
    std::uint16_t port = 0;

    std::mutex mutex{};  ///< Guards all below.
    std::condition_variable_any changed{};
    std::optional<Addresses> outcome{};
};

Addresses ask(const std::string& host, std::uint16_t port) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* raw = nullptr;
    if (const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &raw); error != 0) {
        return base::fail(ErrorCode::kNotFound, error == EAI_SYSTEM ? std::generic_category().message(errno)
                                                                    : std::string(::gai_strerror(error)));
    }
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> found(raw, ::freeaddrinfo);
    std::vector<Address> addresses;
    for (const auto* entry = found.get(); entry != nullptr; entry = entry->ai_next) {
        std::array<char, NI_MAXHOST> ip{};
        if (::getnameinfo(entry->ai_addr, entry->ai_addrlen, ip.data(), ip.size(), nullptr, 0, NI_NUMERICHOST) != 0) {
            continue;
        }
        addresses.push_back({.ip = ip.data(), .port = port, .host = host});
    }
    return addresses;
}

/// The whole life of the thread that asks.
void answer(const std::shared_ptr<Lookup>& lookup) {
    auto outcome = ask(lookup->host, lookup->port);
    const std::lock_guard lock(lookup->mutex);
    lookup->outcome = std::move(outcome);
    lookup->changed.notify_all();
}

/// Nothing can interrupt getaddrinfo: with servers that never answer and the search list of a pod (ndots:5) it takes
/// tens of seconds, longer than the connect timeout and than a pod has to end after SIGTERM. So this is the one place
/// where a thread is detached: joined, by whomever and whenever, it would hold up the run or the end of the process by
/// just those seconds. What makes it safe: the thread touches nothing but its own share of Lookup and the C library,
/// neither of which ends before the process does; and there are few, since a run asks for each endpoint once.
Result<void> start(const std::shared_ptr<Lookup>& lookup) {
    try {
        std::thread([lookup] { answer(lookup); }).detach();
        return {};
    } catch (const std::system_error& error) {
        return base::fail(ErrorCode::kUnavailable, fmt::format("start a thread: {}", error.what()));
    }
}

}  // namespace

Addresses look_up_name(const std::string& host, std::uint16_t port, base::Deadline deadline,
                       const std::stop_token& stop) {
    const auto lookup = std::make_shared<Lookup>();
    lookup->host = host;
    lookup->port = port;
    N4B_TRY_VOID(start(lookup));
    std::unique_lock lock(lookup->mutex);
    lookup->changed.wait_until(lock, stop, deadline.when(), [&] { return lookup->outcome.has_value(); });
    if (lookup->outcome) return std::move(*lookup->outcome);
    if (stop.stop_requested()) return base::fail(ErrorCode::kCancelled, Reason::kCancelled, "cancelled");
    return base::fail(ErrorCode::kDeadline, "timed out");
}

}  // namespace n4b::net
