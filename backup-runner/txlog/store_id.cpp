#include "backup-runner/txlog/store_id.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace n4b::txlog {
namespace {

constexpr std::size_t kDigits = 16;

}  // namespace

std::string to_string(const StoreId& id) {
    return fmt::format("{:016x}{:016x}{:016x}{:016x}", static_cast<std::uint64_t>(id.creation_time),
                       static_cast<std::uint64_t>(id.random), static_cast<std::uint64_t>(id.upgrade_time),
                       static_cast<std::uint64_t>(id.upgrade_transaction));
}

base::Result<StoreId> parse_store_id(std::string_view text) {
    const bool digits =
        std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
    if (text.size() != 4 * kDigits || !digits) {
        return base::fail(base::ErrorCode::kInvalid,
                          fmt::format("\"{}\" is not a store id of 64 hexadecimal digits", text.substr(0, 80)));
    }
    const auto number = [&](std::size_t index) {
        std::uint64_t value = 0;
        const auto part = text.substr(index * kDigits, kDigits);
        std::from_chars(part.data(), part.data() + part.size(), value, 16);
        return static_cast<std::int64_t>(value);
    };
    return StoreId{number(0), number(1), number(2), number(3)};
}

}  // namespace n4b::txlog
