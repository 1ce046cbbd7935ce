#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "backup-runner/txlog/big_endian.hpp"
#include "backup-runner/txlog/store_id.hpp"

namespace n4b::catchup {

/// Reads the fields of one payload in order. After the first field that does not fit, `ok()` is false and everything
/// reads as zero; so callers read straight through and check once. Pure; borrows the bytes.
class PayloadReader {
public:
    explicit PayloadReader(std::span<const std::byte> bytes) : rest_(bytes) {}

    std::int32_t i32() { return number<std::int32_t>(); }
    std::int64_t i64() { return number<std::int64_t>(); }

    /// A `str` of at most `most` bytes.
    std::string text(std::size_t most) {
        const auto length = i32();
        if (!ok_) return {};
        if (length < 0 || static_cast<std::size_t>(length) > most || static_cast<std::size_t>(length) > rest_.size()) {
            bad_length_ = length;
            fail();
            return {};
        }
        const auto raw = rest_.first(static_cast<std::size_t>(length));
        rest_ = rest_.subspan(raw.size());
        return {reinterpret_cast<const char*>(raw.data()), raw.size()};
    }

    txlog::StoreId store_id() {
        if (rest_.empty() || rest_[0] != std::byte{1}) {
            fail();
            return {};
        }
        rest_ = rest_.subspan(1);
        const auto creation = i64();
        const auto random = i64();
        const auto upgrade_time = i64();
        return {
            .creation_time = creation, .random = random, .upgrade_time = upgrade_time, .upgrade_transaction = i64()};
    }

    [[nodiscard]] std::size_t left() const { return rest_.size(); }
    [[nodiscard]] bool ok() const { return ok_; }
    /// True when every field fitted and nothing is left.
    [[nodiscard]] bool done() const { return ok_ && rest_.empty(); }

    /// What is wrong, for "a message with ...", when done() is false.
    [[nodiscard]] std::string problem() const {
        if (ok_) return fmt::format("{} bytes too many", rest_.size());
        if (bad_length_) return fmt::format("a string that claims {} bytes", *bad_length_);
        return "an end in the middle of a number";
    }

private:
    template <typename T>
    T number() {
        if (rest_.size() < sizeof(T)) {
            fail();
            return 0;
        }
        const T value = txlog::load_big_endian<T>(rest_);
        rest_ = rest_.subspan(sizeof(T));
        return value;
    }

    void fail() {
        ok_ = false;
        rest_ = {};
    }

    std::span<const std::byte> rest_;
    bool ok_ = true;
    std::optional<std::int32_t> bad_length_{};
};

}  // namespace n4b::catchup
