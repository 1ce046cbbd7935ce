#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include "backup-runner/catchup/session.hpp"
#include "backup-runner/engine/bandwidth.hpp"
#include "common/base/clock.hpp"

namespace n4b::engine {

/// Where a copy comes from: one address for the whole attempt.
struct CopySource {
    net::Address address;
    std::string host;  ///< The name or literal that the address was found under.
    std::optional<catchup::Family> family;
    txlog::StoreId store_id;
    catchup::SessionOptions options;
    BandwidthLimit& limit;  ///< Shared by all copies of a run.
};

/// Opens a session with a server that has answered before in the same run. One that no longer gets through the
/// handshake is going away, or something in between is, and another attempt may do better: SourceConnectionLost, or
/// SourceStalled where it stays silent. Other errors: as of catchup::Session::open.
base::Result<std::unique_ptr<catchup::Session>> open_again(net::Dialer& dialer, const CopySource& source,
                                                           std::stop_token stop);

/// A connection to the source that is opened when needed, and opened again after a break. A source that is away, since
/// it restarts or the network is down, is waited for as long as its stall timeout allows. A source whose name has
/// another address meanwhile is not waited for, since it does not come back under the old address. One thread.
class SourceLine {
public:
    struct Parts {
        net::Dialer& dialer;
        const CopySource& source;
        std::function<double()> chance{};  ///< In [0, 1), so that connections do not come back at the same time.
        std::stop_token stop{};
    };
    /// A request whose connection breaks in its answer is made this often: something in between may end every
    /// connection that lasts as long as the answer takes.
    static constexpr std::uint32_t kTriesPerRequest = 5;

    /// `session`: open already, or null.
    SourceLine(Parts parts, std::unique_ptr<catchup::Session> session)
        : parts_(std::move(parts)), session_(std::move(session)) {}

    /// Runs a request, a callable that takes the session and returns a Result, up to `most` times. Error: that of the
    /// last try, to connect or to run it.
    template <typename Request>
    auto request(Request run, std::uint32_t most = kTriesPerRequest)
        -> decltype(run(std::declval<catchup::Session&>())) {
        for (std::uint32_t tries = 1;; ++tries) {
            N4B_TRY_VOID(open());
            auto result = run(*session_);
            if (result) return result;
            session_.reset();
            if (!is_break(result.error()) || tries == most || !wait(tries)) return result;
            tell_break(result.error());
        }
    }

    /// Waits before another try, the longer the more there were; false when stopped meanwhile, or when `latest` or the
    /// attempt's deadline has passed before.
    bool wait(std::uint32_t tries, base::Deadline latest = base::Deadline::never());

private:
    static bool is_break(const base::Error& error);
    void tell_break(const base::Error& error) const;
    base::Result<void> open();
    bool has_moved();

    Parts parts_;
    std::unique_ptr<catchup::Session> session_;
};

}  // namespace n4b::engine
