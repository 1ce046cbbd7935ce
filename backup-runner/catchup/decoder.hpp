#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "backup-runner/catchup/messages.hpp"
#include "common/base/result.hpp"

namespace n4b::catchup {

/// Turns the byte stream of the message stage into events, incrementally and without copying file or transaction
/// contents. Pure. Memory: one small message at most (kMaxSmallFrame, or kMaxListFrame for a file list and as much
/// again for its names); every length and count is checked before memory is taken.
///
/// Each message is a type frame (one byte) and a body: FILE (3) has a header frame and then chunk frames (i32
/// encodedLength: -1 means 8192 bytes and more to come, 0..8192 the last chunk); TX (1) is one frame of any length:
/// StoreId, then the transaction; CORE_SNAPSHOT (5) is one frame that is skipped; all others are one small frame. The
/// exception (section 7): a server that fails to prepare sends the body of PREPARED without its type frame.
class Decoder {
public:
    static constexpr std::size_t kChunkBytes = 8192;
    static constexpr std::size_t kMaxNameBytes = 1024;
    static constexpr std::size_t kMaxSmallFrame = 4096;
    /// The list of files that change while they are copied: a store has some sixteen, whose names take 500 bytes, and
    /// servers limit the list to 2 MiB. All others come before the list.
    static constexpr std::size_t kMaxListFrame = 512 * 1024;
    static constexpr std::int32_t kMaxListedFiles = 4096;
    /// No server seen lists any.
    static constexpr std::int32_t kMaxListedIndexes = 4096;
    /// Not held in memory.
    static constexpr std::size_t kMaxSnapshotFrame = 2 * 1024 * 1024;

    /// The next event from the front of `input`, which is moved past what was consumed. NeedMore when all of it was.
    /// Invalid (SourceProtocolError): bytes that the protocol does not allow, with their offset in the stream; the
    /// decoder is of no use afterwards.
    base::Result<Event> next(std::span<const std::byte>& input);

    /// True between two messages: the only place where a stream may end.
    [[nodiscard]] bool idle() const { return state_ == State::kType && !in_frame_ && fixed_.empty(); }

private:
    enum class State {
        kType,
        kStoreId,
        kFileHeader,
        kChunk,
        kFileFinished,
        kPrepared,
        kTransaction,
        kPullFinished,
        kCoreSnapshot,
        kListingFailed
    };

    base::Result<Event> step(std::span<const std::byte>& input);
    base::Result<void> begin_frame();
    base::Result<Event> parse_frame();
    base::Result<Event> parse_prepared(std::span<const std::byte> frame);
    base::Result<Event> chunk(std::span<const std::byte>& input);
    base::Result<Event> transaction(std::span<const std::byte>& input);
    base::Result<Event> enter(std::byte type);
    base::Result<Event> skip(std::span<const std::byte>& input);
    bool collect(std::span<const std::byte>& input, std::size_t wanted);
    std::span<const std::byte> take(std::span<const std::byte>& input, std::size_t most);
    void end_frame();
    [[nodiscard]] tl::unexpected<base::Error> bad(const std::string& what) const;

    State state_ = State::kType;
    std::uint64_t offset_ = 0;  ///< Bytes consumed since the start of the message stage.
    bool in_frame_ = false;     ///< The frame's length is known.
    bool in_body_ = false;      ///< The fixed part (chunk length, StoreId) of a streamed frame was read.
    bool last_chunk_ = false;
    std::size_t remaining_ = 0;  ///< Bytes of the frame not yet consumed.
    Bytes fixed_{};              ///< What is being collected: a frame's length, a fixed part or a small frame.
};

}  // namespace n4b::catchup
