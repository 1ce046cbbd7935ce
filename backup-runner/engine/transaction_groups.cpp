#include "backup-runner/engine/transaction_groups.hpp"

#include <utility>

namespace n4b::engine {

using base::Result;

/// A group of one transaction takes about as much as this many lengths.
constexpr std::size_t kGroupCosts = 16;

Result<std::optional<format::TransactionGroup>> TransactionGroups::next(const object_store::Call& call) {
    if (groups_.empty() && !ended_) N4B_TRY_VOID(read_window(call));
    if (groups_.empty()) return std::nullopt;
    auto group = std::move(groups_.front());
    groups_.pop_front();
    return std::optional(std::move(group));
}

Result<void> TransactionGroups::read_window(const object_store::Call& call) {
    std::int64_t number = 0;
    std::size_t taken = 0;
    bool full = false;
    const auto read = reader_.read_transactions(
        [&](const format::TransactionGroup& group) -> Result<void> {
            if (number++ < passed_) return {};
            full = !groups_.empty() && taken + kGroupCosts + group.lengths.size() > window_;
            if (full) return base::fail(base::ErrorCode::kCancelled, "the window is full");
            taken += kGroupCosts + group.lengths.size();
            groups_.push_back(group);
            return {};
        },
        call);
    if (!read && !full) return read;
    passed_ += static_cast<std::int64_t>(groups_.size());
    ended_ = !full;
    return {};
}

}  // namespace n4b::engine
