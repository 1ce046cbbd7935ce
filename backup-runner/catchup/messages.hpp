#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "backup-runner/txlog/store_id.hpp"

namespace n4b::catchup {

using Bytes = std::vector<std::byte>;

/// Message stage, client to server: each request is a type frame and a body frame (catchup protocol, version 1).
Bytes store_id_request();
Bytes prepare_store_copy_request(const txlog::StoreId& id);
Bytes store_file_request(const txlog::StoreId& id, std::int64_t required_transaction, std::string_view name);
Bytes index_snapshot_request(const txlog::StoreId& id, std::int64_t required_transaction, std::int64_t index);
/// Only cores answer it: asked on a connection of its own, it tells a core from a read replica (7.1).
Bytes core_snapshot_request();
Bytes transaction_pull_request(const txlog::StoreId& id, std::int64_t previous_transaction);

/// Appends a frame: i32 length of the payload, then the payload.
void append_frame(Bytes& out, const Bytes& payload);

/// Builds a payload field by field: i32 and i64 big-endian, `str` as i32 length and bytes, StoreId as 33 bytes.
class PayloadWriter {
public:
    PayloadWriter& byte(std::uint8_t value);
    PayloadWriter& i32(std::int32_t value);
    PayloadWriter& i64(std::int64_t value);
    PayloadWriter& text(std::string_view value);
    PayloadWriter& store_id(const txlog::StoreId& id);
    Bytes take() { return std::move(bytes_); }

private:
    Bytes bytes_{};
};

enum class FileStatus : std::int32_t { kSuccess = 0, kStoreIdMismatch = 1, kTooFarBehind = 2, kUnknown = 3 };
enum class PrepareStatus : std::int32_t { kSuccess = 0, kStoreIdMismatch = 1, kListingFailed = 2 };
enum class PullStatus : std::int32_t {
    kEndOfBatch = 0,
    kEndOfStream = 1,
    kStoreIdMismatch = 2,
    kStoreUnavailable = 3,
    kTransactionPruned = 4,
    kInvalidRequest = 5,
};

/// What a server says, as the decoder hands it out. Spans point into the bytes that were fed and are valid until the
/// next call.
struct StoreIdMessage {
    txlog::StoreId id;
};
struct FileBegin {
    std::string name;  ///< As the server wrote it: untrusted.
};
struct FileData {
    std::span<const std::byte> bytes;
};
struct FileEnd {};
struct FileFinished {
    FileStatus status;
};
struct Prepared {
    PrepareStatus status;
    std::int64_t last_transaction = 0;
    std::vector<std::string> files{};
    std::vector<std::int64_t> indexes{};
};
struct TransactionBegin {
    txlog::StoreId id;
    std::size_t bytes;  ///< Of the transaction, all its entries.
};
struct TransactionData {
    std::span<const std::byte> bytes;
};
struct TransactionEnd {};
struct PullFinished {
    PullStatus status;
    std::int64_t latest_transaction = 0;
};
/// A core's snapshot; what it holds is of no use here.
struct CoreSnapshot {};
/// Everything that was fed has been consumed.
struct NeedMore {};

using Event = std::variant<NeedMore, StoreIdMessage, FileBegin, FileData, FileEnd, FileFinished, Prepared,
                           TransactionBegin, TransactionData, TransactionEnd, PullFinished, CoreSnapshot>;

}  // namespace n4b::catchup
