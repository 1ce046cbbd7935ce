#pragma once

#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <span>
#include <vector>

#include "backup-runner/txlog/big_endian.hpp"

namespace n4b::testing {

/// Bytes as a transaction log has them: integers big-endian.
class LogBytes {
public:
    LogBytes& i8(int value) { return add(static_cast<std::int8_t>(value)); }
    LogBytes& i16(int value) { return add(static_cast<std::int16_t>(value)); }
    LogBytes& i32(std::int64_t value) { return add(static_cast<std::int32_t>(value)); }
    LogBytes& i64(std::int64_t value) { return add(value); }
    LogBytes& raw(std::size_t count, std::byte value = std::byte{0x5A}) {
        bytes_.resize(bytes_.size() + count, value);
        return *this;
    }
    LogBytes& append(const LogBytes& other) {
        bytes_.insert(bytes_.end(), other.bytes_.begin(), other.bytes_.end());
        return *this;
    }
    [[nodiscard]] const std::vector<std::byte>& bytes() const { return bytes_; }

private:
    template <typename T>
    LogBytes& add(T value) {
        bytes_.resize(bytes_.size() + sizeof(T));
        txlog::store_big_endian(std::span(bytes_).last(sizeof(T)), value);
        return *this;
    }
    std::vector<std::byte> bytes_{};
};

/// A dynamic record in use that holds so many bytes.
inline LogBytes dynamic_record(std::int32_t bytes) {
    return LogBytes().i64(1).i32(2).i8(1).i32(bytes).i64(-1).raw(static_cast<std::size_t>(bytes));
}

/// Dynamic records of so many bytes each, behind their count.
inline LogBytes dynamic_records(std::initializer_list<std::int32_t> sizes) {
    LogBytes bytes;
    bytes.i32(static_cast<std::int64_t>(sizes.size()));
    for (const auto size : sizes) bytes.append(dynamic_record(size));
    return bytes;
}

/// A COMMAND entry of a type.
inline LogBytes command(int type, const LogBytes& body) {
    return LogBytes().i8(0xF6).i8(3).i8(type).append(body);
}

/// A whole transaction with these entries between START and COMMIT, as a server of a cluster writes it.
inline std::vector<std::byte> log_transaction(std::int64_t id, std::initializer_list<LogBytes> commands) {
    LogBytes bytes;
    bytes.i8(0xF6).i8(1).i32(-1).i32(-1).i64(1000 + id).i64(id - 1).i32(8).i64(id);
    for (const auto& one : commands) bytes.append(one);
    bytes.i8(0xF6).i8(5).i64(id).i64(1000 + id);
    return bytes.bytes();
}

}  // namespace n4b::testing
