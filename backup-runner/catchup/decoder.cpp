#include "backup-runner/catchup/decoder.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "backup-runner/catchup/payload_reader.hpp"
#include "backup-runner/txlog/log_format.hpp"

namespace n4b::catchup {
namespace {

using base::Result;

constexpr std::size_t kLengthBytes = 4;
constexpr std::size_t kStoreIdBytes = 33;
/// Status, transaction, no files, no indexes.
constexpr std::size_t kListingFailedBytes = 20;
constexpr std::size_t kSmallestTransaction = txlog::kStartBytes + txlog::kCommitBytes;

enum ResponseType : std::uint8_t {
    kTypeTransaction = 1,
    kTypeStoreId = 2,
    kTypeFile = 3,
    kTypeFileFinished = 4,
    kTypeCoreSnapshot = 5,
    kTypePullFinished = 6,
    kTypePrepared = 7,
};

/// A status number that is in the protocol's list 0..highest.
template <typename Status>
std::optional<Status> status_of(std::int32_t number, Status highest) {
    if (number < 0 || number > static_cast<std::int32_t>(highest)) return std::nullopt;
    return static_cast<Status>(number);
}

}  // namespace

Result<Event> Decoder::next(std::span<const std::byte>& input) {
    while (!input.empty() || (in_frame_ && remaining_ == 0)) {
        N4B_TRY(auto event, step(input));
        if (!std::holds_alternative<NeedMore>(event)) return event;
    }
    return NeedMore{};
}

Result<Event> Decoder::step(std::span<const std::byte>& input) {
    if (!in_frame_) {
        if (collect(input, kLengthBytes)) N4B_TRY_VOID(begin_frame());
        return NeedMore{};
    }
    switch (state_) {
        case State::kChunk:
            return chunk(input);
        case State::kTransaction:
            return transaction(input);
        case State::kCoreSnapshot:
            return skip(input);
        case State::kType:
        case State::kListingFailed:
        case State::kStoreId:
        case State::kFileHeader:
        case State::kFileFinished:
        case State::kPrepared:
        case State::kPullFinished:
            if (remaining_ > 0 && !collect(input, fixed_.size() + remaining_)) return NeedMore{};
            return parse_frame();
    }
    return bad("unknown state");
}

Result<void> Decoder::begin_frame() {
    const auto length = txlog::load_big_endian<std::int32_t>(fixed_);
    fixed_.clear();
    std::size_t least = 0;
    std::size_t most = kMaxSmallFrame;
    switch (state_) {
        case State::kType:
            least = most = 1;
            if (length == kListingFailedBytes) {
                state_ = State::kListingFailed;
                least = most = kListingFailedBytes;
            }
            break;
        case State::kListingFailed:
            break;
        case State::kCoreSnapshot:
            most = kMaxSnapshotFrame;
            break;
        case State::kChunk:
            least = kLengthBytes;
            most = kLengthBytes + kChunkBytes;
            break;
        case State::kPrepared:
            most = kMaxListFrame;
            break;
        case State::kTransaction:
            least = kStoreIdBytes + kSmallestTransaction;
            most = INT32_MAX;
            break;
        case State::kStoreId:
        case State::kFileHeader:
        case State::kFileFinished:
        case State::kPullFinished:
            break;
    }
    if (length < 0 || static_cast<std::size_t>(length) < least || static_cast<std::size_t>(length) > most) {
        return bad(fmt::format("a frame of {} bytes where {} to {} are allowed", length, least, most));
    }
    in_frame_ = true;
    in_body_ = false;
    remaining_ = static_cast<std::size_t>(length);
    if (state_ == State::kPrepared) fixed_.reserve(remaining_);
    return {};
}

Result<Event> Decoder::parse_frame() {
    const Bytes frame = std::exchange(fixed_, {});
    const State state = state_;
    end_frame();
    PayloadReader reader(frame);
    switch (state) {
        case State::kType:
            return enter(frame[0]);
        case State::kStoreId: {
            const auto id = reader.store_id();
            if (!reader.done()) return bad("a malformed store id");
            return StoreIdMessage{id};
        }
        case State::kFileHeader: {
            auto name = reader.text(kMaxNameBytes);
            reader.i32();
            if (!reader.done()) return bad("a file header with " + reader.problem());
            state_ = State::kChunk;
            return FileBegin{std::move(name)};
        }
        case State::kFileFinished: {
            const auto number = reader.i32();
            const auto status = status_of(number, FileStatus::kUnknown);
            if (!reader.done()) return bad("an end of a file with " + reader.problem());
            if (!status) return bad(fmt::format("the unknown status {} at the end of a file", number));
            return FileFinished{*status};
        }
        case State::kPullFinished: {
            const auto number = reader.i32();
            const auto status = status_of(number, PullStatus::kInvalidRequest);
            const auto latest = reader.i64();
            if (!reader.done()) return bad("an end of a transaction stream with " + reader.problem());
            if (!status) return bad(fmt::format("the unknown status {} at the end of a transaction stream", number));
            return PullFinished{*status, latest};
        }
        case State::kPrepared:
            return parse_prepared(frame);
        case State::kListingFailed:
            if (reader.i32() != static_cast<std::int32_t>(PrepareStatus::kListingFailed) || reader.i64() != 0 ||
                reader.i32() != 0 || reader.i32() != 0) {
                return bad(fmt::format("a type frame of {} bytes", kListingFailedBytes));
            }
            return Prepared{.status = PrepareStatus::kListingFailed};
        case State::kChunk:
        case State::kTransaction:
        case State::kCoreSnapshot:
            break;
    }
    return bad("unknown state");
}

Result<Event> Decoder::parse_prepared(std::span<const std::byte> frame) {
    PayloadReader reader(frame);
    const auto number = reader.i32();
    const auto last_transaction = reader.i64();
    const auto files = reader.i32();
    const auto count = [&](std::int32_t claimed, std::int32_t most, std::string_view what) -> Result<void> {
        if (!reader.ok()) return bad("a list of files with " + reader.problem());
        if (claimed >= 0 && claimed <= most) return {};
        return bad(fmt::format("a list that claims {} {}, where 0 to {} are allowed", claimed, what, most));
    };
    N4B_TRY_VOID(count(files, kMaxListedFiles, "files"));
    const auto status = status_of(number, PrepareStatus::kListingFailed);
    if (!status) return bad(fmt::format("the unknown status {} of a prepared store copy", number));
    Prepared prepared{.status = *status, .last_transaction = last_transaction};
    for (std::int32_t i = 0; i < files && reader.ok(); ++i) prepared.files.push_back(reader.text(kMaxNameBytes));
    const auto indexes = reader.i32();
    N4B_TRY_VOID(count(indexes, kMaxListedIndexes, "indexes"));
    for (std::int32_t i = 0; i < indexes && reader.ok(); ++i) prepared.indexes.push_back(reader.i64());
    if (!reader.done()) return bad("a list of files with " + reader.problem());
    return prepared;
}

Result<Event> Decoder::skip(std::span<const std::byte>& input) {
    take(input, remaining_);
    if (remaining_ > 0) return NeedMore{};
    end_frame();
    return CoreSnapshot{};
}

Result<Event> Decoder::enter(std::byte type) {
    switch (std::to_integer<std::uint8_t>(type)) {
        case kTypeTransaction:
            state_ = State::kTransaction;
            return NeedMore{};
        case kTypeStoreId:
            state_ = State::kStoreId;
            return NeedMore{};
        case kTypeFile:
            state_ = State::kFileHeader;
            return NeedMore{};
        case kTypeFileFinished:
            state_ = State::kFileFinished;
            return NeedMore{};
        case kTypeCoreSnapshot:
            state_ = State::kCoreSnapshot;
            return NeedMore{};
        case kTypePullFinished:
            state_ = State::kPullFinished;
            return NeedMore{};
        case kTypePrepared:
            state_ = State::kPrepared;
            return NeedMore{};
        default:
            return bad(fmt::format("unknown message type {}", std::to_integer<int>(type)));
    }
}

Result<Event> Decoder::chunk(std::span<const std::byte>& input) {
    if (!in_body_) {
        if (!collect(input, kLengthBytes)) return NeedMore{};
        const auto encoded = txlog::load_big_endian<std::int32_t>(fixed_);
        fixed_.clear();
        in_body_ = true;
        last_chunk_ = encoded >= 0;
        const auto expected = last_chunk_ ? static_cast<std::size_t>(encoded) : kChunkBytes;
        if (encoded < -1 || expected != remaining_) {
            return bad(fmt::format("a chunk of {} bytes that claims {}", remaining_, encoded));
        }
    } else if (remaining_ > 0) {
        return FileData{take(input, remaining_)};
    }
    if (remaining_ > 0) return NeedMore{};
    const bool last = last_chunk_;
    end_frame();
    if (!last) {
        state_ = State::kChunk;
        return NeedMore{};
    }
    return FileEnd{};
}

Result<Event> Decoder::transaction(std::span<const std::byte>& input) {
    if (!in_body_) {
        if (!collect(input, kStoreIdBytes)) return NeedMore{};
        PayloadReader reader(fixed_);
        const auto id = reader.store_id();
        if (!reader.done()) return bad("a malformed store id before a transaction");
        fixed_.clear();
        in_body_ = true;
        return TransactionBegin{id, remaining_};
    }
    if (remaining_ > 0) return TransactionData{take(input, remaining_)};
    end_frame();
    return TransactionEnd{};
}

/// Moves bytes from the input into fixed_ until it holds `wanted`; counts them as consumed. True when it does.
bool Decoder::collect(std::span<const std::byte>& input, std::size_t wanted) {
    const auto part = input.first(std::min(input.size(), wanted - fixed_.size()));
    fixed_.insert(fixed_.end(), part.begin(), part.end());
    input = input.subspan(part.size());
    offset_ += part.size();
    if (in_frame_) remaining_ -= part.size();
    return fixed_.size() == wanted;
}

std::span<const std::byte> Decoder::take(std::span<const std::byte>& input, std::size_t most) {
    const auto part = input.first(std::min(input.size(), most));
    input = input.subspan(part.size());
    offset_ += part.size();
    remaining_ -= part.size();
    return part;
}

void Decoder::end_frame() {
    state_ = State::kType;
    in_frame_ = false;
    in_body_ = false;
    remaining_ = 0;
}

tl::unexpected<base::Error> Decoder::bad(const std::string& what) const {
    return base::fail(base::ErrorCode::kInvalid, base::Reason::kSourceProtocolError,
                      fmt::format("the source sent {} (before byte {} of the message stage)", what, offset_));
}

}  // namespace n4b::catchup
