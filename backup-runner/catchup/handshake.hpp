#pragma once

#include <cstddef>
#include <span>

#include "backup-runner/catchup/messages.hpp"
#include "common/base/result.hpp"

namespace n4b::catchup {

/// Which family of servers a magic belongs to. A server closes without a byte on the other's.
enum class Family { kNeo4j, kOngdb };

/// The client's side of the handshake stage (catchup protocol section 5), pure and incremental: negotiates application
/// protocol "catchup", version 1, without modifiers. States: kSent (magic and request) -> kMagicSeen -> kSwitching ->
/// done.
class Handshake {
public:
    /// The largest frame a server may send in this stage.
    static constexpr std::size_t kMaxFrame = 1024;

    explicit Handshake(Family family) : family_(family) {}

    /// The bytes to send first. The server answers only after the protocol request, so both go out together.
    [[nodiscard]] Bytes opening() const;

    /// Consumes from the front of `input` and returns what has to be sent now (mostly nothing). Invalid
    /// (NotCatchupServer): the peer speaks something else or refuses.
    base::Result<Bytes> feed(std::span<const std::byte>& input);

    [[nodiscard]] bool done() const { return state_ == State::kDone; }

private:
    enum class State { kSent, kMagicSeen, kSwitching, kDone };

    base::Result<Bytes> frame(std::span<const std::byte> payload);
    base::Result<Bytes> accept_magic(std::span<const std::byte> payload);
    base::Result<Bytes> accept_protocol(std::span<const std::byte> payload);
    base::Result<Bytes> accept_switch(std::span<const std::byte> payload);

    Family family_;
    State state_ = State::kSent;
    Bytes collected_{};
};

}  // namespace n4b::catchup
