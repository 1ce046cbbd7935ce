#include "backup-runner/catchup/messages.hpp"

#include "backup-runner/txlog/big_endian.hpp"

namespace n4b::catchup {
namespace {

enum class RequestType : std::uint8_t {
    kTransactionPull = 1,
    kCoreSnapshot = 3,
    kStoreId = 4,
    kPrepareStoreCopy = 5,
    kStoreFile = 6,
    kIndexSnapshot = 7,
};

Bytes request(RequestType type, const Bytes& body) {
    Bytes out;
    append_frame(out, Bytes{static_cast<std::byte>(type)});
    append_frame(out, body);
    return out;
}

}  // namespace

PayloadWriter& PayloadWriter::byte(std::uint8_t value) {
    bytes_.push_back(std::byte{value});
    return *this;
}

PayloadWriter& PayloadWriter::i32(std::int32_t value) {
    bytes_.resize(bytes_.size() + sizeof value);
    txlog::store_big_endian(std::span(bytes_).last(sizeof value), value);
    return *this;
}

PayloadWriter& PayloadWriter::i64(std::int64_t value) {
    bytes_.resize(bytes_.size() + sizeof value);
    txlog::store_big_endian(std::span(bytes_).last(sizeof value), value);
    return *this;
}

PayloadWriter& PayloadWriter::text(std::string_view value) {
    i32(static_cast<std::int32_t>(value.size()));
    const auto raw = std::as_bytes(std::span(value));
    bytes_.insert(bytes_.end(), raw.begin(), raw.end());
    return *this;
}

PayloadWriter& PayloadWriter::store_id(const txlog::StoreId& id) {
    return byte(1).i64(id.creation_time).i64(id.random).i64(id.upgrade_time).i64(id.upgrade_transaction);
}

void append_frame(Bytes& out, const Bytes& payload) {
    const std::size_t start = out.size();
    out.resize(start + sizeof(std::int32_t));
    txlog::store_big_endian(std::span(out).subspan(start), static_cast<std::int32_t>(payload.size()));
    out.insert(out.end(), payload.begin(), payload.end());
}

Bytes store_id_request() {
    return request(RequestType::kStoreId, PayloadWriter().byte(0).take());
}

Bytes prepare_store_copy_request(const txlog::StoreId& id) {
    return request(RequestType::kPrepareStoreCopy, PayloadWriter().store_id(id).take());
}

Bytes store_file_request(const txlog::StoreId& id, std::int64_t required_transaction, std::string_view name) {
    return request(RequestType::kStoreFile, PayloadWriter().store_id(id).i64(required_transaction).text(name).take());
}

Bytes index_snapshot_request(const txlog::StoreId& id, std::int64_t required_transaction, std::int64_t index) {
    return request(RequestType::kIndexSnapshot,
                   PayloadWriter().store_id(id).i64(required_transaction).i64(index).take());
}

Bytes core_snapshot_request() {
    return request(RequestType::kCoreSnapshot, PayloadWriter().byte(0).take());
}

Bytes transaction_pull_request(const txlog::StoreId& id, std::int64_t previous_transaction) {
    return request(RequestType::kTransactionPull, PayloadWriter().i64(previous_transaction).store_id(id).take());
}

}  // namespace n4b::catchup
