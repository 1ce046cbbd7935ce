#include "backup-runner/catchup/handshake.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "backup-runner/catchup/payload_reader.hpp"

namespace n4b::catchup {
namespace {

using base::Result;

constexpr std::size_t kLengthBytes = 4;
constexpr std::int32_t kApplicationProtocolRequest = 1;
constexpr std::int32_t kSwitchOverRequest = 3;
constexpr std::int32_t kApplicationProtocolResponse = 0;
constexpr std::int32_t kSwitchOverResponse = 2;
constexpr std::int32_t kSuccess = 0;
constexpr std::int32_t kVersion = 1;
constexpr std::string_view kProtocol = "catchup";
/// "HTTP", read as a frame length.
constexpr std::int32_t kHttp = 0x48545450;

struct Magic {
    std::int32_t code;
    std::string_view text;
};

Magic magic_of(Family family) {
    return family == Family::kNeo4j ? Magic{0x344F454E, "NEO4J_CLUSTER"} : Magic{0x44474E4F, "ONGDB_CLUSTER"};
}

tl::unexpected<base::Error> not_catchup(std::string_view what) {
    return base::fail(base::ErrorCode::kInvalid, base::Reason::kNotCatchupServer,
                      fmt::format("this is not a catchup server: {}", what));
}

/// The first bytes of every exception that the common protocol answers with: two version bytes, and the magic number of
/// Java's serialization.
constexpr std::array kCommonProtocol{std::byte{0x08}, std::byte{0x02}, std::byte{0xAC}, std::byte{0xED}};
constexpr std::int32_t kMaxException = 1 << 20;

bool speaks_common_protocol(std::span<const std::byte> payload) {
    return payload.size() >= kCommonProtocol.size() &&
           std::equal(kCommonProtocol.begin(), kCommonProtocol.end(), payload.begin());
}

tl::unexpected<base::Error> older_protocol() {
    return not_catchup("it is a single or HA instance, which speaks the older common protocol");
}

}  // namespace

Bytes Handshake::opening() const {
    const auto magic = magic_of(family_);
    Bytes out;
    append_frame(out, PayloadWriter().i32(magic.code).text(magic.text).take());
    append_frame(out, PayloadWriter().i32(kApplicationProtocolRequest).text(kProtocol).i32(1).i32(kVersion).take());
    return out;
}

Result<Bytes> Handshake::feed(std::span<const std::byte>& input) {
    while (!input.empty() && !done()) {
        const auto wanted =
            collected_.size() < kLengthBytes
                ? kLengthBytes
                : kLengthBytes + static_cast<std::size_t>(txlog::load_big_endian<std::int32_t>(collected_));
        const auto part = input.first(std::min(input.size(), wanted - collected_.size()));
        collected_.insert(collected_.end(), part.begin(), part.end());
        input = input.subspan(part.size());
        if (collected_.size() < kLengthBytes) continue;
        const auto length = txlog::load_big_endian<std::int32_t>(collected_);
        if (length == kHttp) return not_catchup("it speaks HTTP; the backup port is 6362 by default");
        if (length > static_cast<std::int32_t>(kMaxFrame) && length <= kMaxException) {
            // This may be an exception of the common protocol, whose length differs from one server version to the
            // next.
            if (collected_.size() < kLengthBytes + kCommonProtocol.size()) continue;
            if (speaks_common_protocol(std::span(collected_).subspan(kLengthBytes))) return older_protocol();
        }
        if (length < static_cast<std::int32_t>(kLengthBytes) || length > static_cast<std::int32_t>(kMaxFrame)) {
            return not_catchup(fmt::format("its first frame claims {} bytes", length));
        }
        if (collected_.size() < kLengthBytes + static_cast<std::size_t>(length)) continue;
        N4B_TRY(auto reply, frame(std::span(collected_).subspan(kLengthBytes)));
        collected_.clear();
        if (!reply.empty()) return reply;
    }
    return Bytes{};
}

Result<Bytes> Handshake::frame(std::span<const std::byte> payload) {
    switch (state_) {
        case State::kSent:
            return accept_magic(payload);
        case State::kMagicSeen:
            return accept_protocol(payload);
        case State::kSwitching:
            return accept_switch(payload);
        case State::kDone:
            break;
    }
    return not_catchup("it sent a frame after the handshake");
}

Result<Bytes> Handshake::accept_magic(std::span<const std::byte> payload) {
    if (speaks_common_protocol(payload)) return older_protocol();
    const auto magic = magic_of(family_);
    PayloadReader reader(payload);
    const auto code = reader.i32();
    const auto text = reader.text(kMaxFrame);
    if (!reader.done() || code != magic.code || text != magic.text) {
        return not_catchup(
            "its greeting is not that of a Neo4j 3.4 or 3.5 cluster member (a single or HA instance "
            "speaks the older common protocol)");
    }
    state_ = State::kMagicSeen;
    return Bytes{};
}

Result<Bytes> Handshake::accept_protocol(std::span<const std::byte> payload) {
    PayloadReader reader(payload);
    const auto code = reader.i32();
    const auto status = reader.i32();
    const auto name = reader.text(kMaxFrame);
    const auto version = reader.i32();
    if (!reader.done() || code != kApplicationProtocolResponse) return not_catchup("a malformed protocol answer");
    if (status != kSuccess || name != kProtocol || version != kVersion) {
        return not_catchup("it refuses the catchup protocol, version 1 (is this the raft port 7000?)");
    }
    state_ = State::kSwitching;
    Bytes out;
    append_frame(out, PayloadWriter().i32(kSwitchOverRequest).text(kProtocol).i32(kVersion).i32(0).take());
    return out;
}

Result<Bytes> Handshake::accept_switch(std::span<const std::byte> payload) {
    PayloadReader reader(payload);
    const auto code = reader.i32();
    const auto status = reader.i32();
    if (!reader.done() || code != kSwitchOverResponse || status != kSuccess) {
        return not_catchup("it refuses to switch over to the catchup protocol");
    }
    state_ = State::kDone;
    return Bytes{};
}

}  // namespace n4b::catchup
