#include "backup-runner/engine/source_line.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/backoff.hpp"
#include "common/base/notice.hpp"
#include "common/base/pause.hpp"

namespace n4b::engine {
namespace {

using base::Reason;
using base::Result;

constexpr base::Backoff kBackoff{.base = std::chrono::milliseconds(200), .cap = std::chrono::seconds(5), .jitter = 0.5};

}  // namespace

void SourceLine::tell_break(const base::Error& error) const {
    base::warn(fmt::format("connecting to {} again: {}", net::to_string(parts_.source.address), error.message));
}

/// Worth another connection to the same server. Silence on an open connection is not: it has lasted as long as the
/// stall timeout allows.
bool SourceLine::is_break(const base::Error& error) {
    return error.reason == Reason::kSourceConnectionLost || error.reason == Reason::kSourceUnreachable;
}

bool SourceLine::wait(std::uint32_t tries, base::Deadline latest) {
    latest = latest.sooner(parts_.source.options.deadline);
    if (latest.passed()) return false;
    return base::pause(std::min(kBackoff.wait(tries, parts_.chance()), latest.left()), parts_.stop);
}

Result<void> SourceLine::open() {
    const auto latest = base::Deadline::after(parts_.source.options.stall);
    for (std::uint32_t tries = 1; !session_; ++tries) {
        auto connected = open_again(parts_.dialer, parts_.source, parts_.stop);
        if (connected) {
            session_ = std::move(*connected);
            break;
        }
        // A TLS handshake that takes too long is told as silence.
        const bool passes = is_break(connected.error()) || connected.error().reason == Reason::kSourceStalled;
        base::debug(fmt::format("try {} to connect to {}: {}", tries, net::to_string(parts_.source.address),
                                connected.error().message));
        if (!passes || has_moved() || !wait(tries, latest)) return base::fail(connected.error());
    }
    return {};
}

/// A name that can't be resolved says nothing: that of a pod has no address until the pod is ready again.
bool SourceLine::has_moved() {
    const auto& source = parts_.source;
    const auto deadline = base::Deadline::after(source.options.connect).sooner(source.options.deadline);
    const auto found = parts_.dialer.resolve(source.host, source.address.port, deadline, parts_.stop);
    return found && std::none_of(found->begin(), found->end(),
                                 [&](const net::Address& address) { return address.ip == source.address.ip; });
}

Result<std::unique_ptr<catchup::Session>> open_again(net::Dialer& dialer, const CopySource& source,
                                                     std::stop_token stop) {
    std::optional<catchup::Family> family = source.family;
    auto session = catchup::Session::open(dialer, source.address, source.options, std::move(stop), family);
    if (session || session.error().reason != Reason::kNotCatchupServer) return session;
    if (session.error().code == base::ErrorCode::kDeadline) {
        const std::chrono::duration<double> patience = source.options.handshake;
        return base::fail(base::ErrorCode::kDeadline, Reason::kSourceStalled,
                          fmt::format("the source sent nothing for {} s", patience.count()));
    }
    return base::fail(base::ErrorCode::kUnavailable, Reason::kSourceConnectionLost,
                      "the source takes connections but no longer answers the handshake");
}

}  // namespace n4b::engine
