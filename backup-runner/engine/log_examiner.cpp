#include "backup-runner/engine/log_examiner.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "backup-runner/format/damage.hpp"
#include "common/base/rfc3339.hpp"

namespace n4b::engine {
namespace {

using base::Result;
using format::damaged;

std::optional<base::SystemTime> time_of(std::int64_t since_epoch_ms) {
    if (since_epoch_ms < 0) return std::nullopt;
    return base::SystemTime(std::chrono::milliseconds(since_epoch_ms));
}

std::int64_t milliseconds_of(const std::optional<base::SystemTime>& time) {
    if (!time) return -1;
    return std::chrono::floor<std::chrono::milliseconds>(time->time_since_epoch()).count();
}

std::string text_of(const format::Transaction& transaction) {
    return fmt::format("transaction {} of {} with checksum {}", transaction.id,
                       transaction.time ? base::format_rfc3339_micro(*transaction.time) : "no time",
                       transaction.checksum);
}

/// Where the first transaction of an artifact that has some stands in the order of all.
std::int64_t first_of(const format::Head& head) {
    return head.transactions ? head.transactions->lowest.id : 0;
}

}  // namespace

LogExaminer::LogExaminer(const blocks::StoredArtifact& artifact, std::optional<base::SystemTime> latest_before,
                         const object_store::Call& call)
    : head_(artifact.head),
      groups_(artifact),
      call_(call),
      next_(first_of(artifact.head)),
      latest_ms_(milliseconds_of(latest_before)) {}

std::string LogExaminer::name_of_next() const {
    return fmt::format("log: transaction {}, at {}", next_, offset_);
}

Result<void> LogExaminer::data(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        if (left_ == 0) N4B_TRY_VOID(begin_transaction());
        const auto part = bytes.first(std::min(bytes.size(), static_cast<std::size_t>(left_)));
        if (const auto walked = walker_.take(part); !walked) {
            return damaged(fmt::format("{}: {}", name_of_next(), walked.error().message));
        }
        if (next_ == highest_of(head_)) digest_.update(part);
        left_ -= static_cast<std::int64_t>(part.size());
        bytes = bytes.subspan(part.size());
        if (left_ == 0) N4B_TRY_VOID(end_transaction());
    }
    return {};
}

Result<void> LogExaminer::begin_group() {
    N4B_TRY(group_, groups_.next(call_));
    if (!group_) return damaged(fmt::format("{}: the index tells of none there", name_of_next()));
    nth_ = 0;
    if (group_->first == next_ && group_->offset == offset_) return {};
    return damaged(
        fmt::format("{}: the index goes on with transaction {}, at {}", name_of_next(), group_->first, group_->offset));
}

Result<void> LogExaminer::begin_transaction() {
    if (!group_ || nth_ == group_->lengths.size()) N4B_TRY_VOID(begin_group());
    left_ = group_->lengths[nth_];
    if (left_ < 1) return damaged(fmt::format("{}: the index tells a length of {}", name_of_next(), left_));
    walker_.begin(left_);
    return {};
}

Result<void> LogExaminer::end_transaction() {
    const auto walked = walker_.end();
    if (!walked) return damaged(fmt::format("{}: {}", name_of_next(), walked.error().message));
    if (walked->commit.transaction != next_) {
        return damaged(fmt::format("{}: found transaction {} there", name_of_next(), walked->commit.transaction));
    }
    if (walked->unknown_command) unknown_.insert(*walked->unknown_command);
    latest_ms_ = std::max(latest_ms_, walked->commit.time_ms);
    N4B_TRY_VOID(compare_ends(*walked));
    ++count_;
    ++next_;
    offset_ += group_->lengths[nth_];
    ++nth_;
    return nth_ == group_->lengths.size() ? check_group_end() : Result<void>{};
}

/// Restores to a time rest on it.
Result<void> LogExaminer::check_group_end() const {
    if (group_->latest_time_ms == latest_ms_) return {};
    return damaged(fmt::format("index: found {} as the latest commit time in ms up to transaction {}, expected {}",
                               group_->latest_time_ms, next_ - 1, latest_ms_));
}

/// The first and the last transaction are those that the head names.
Result<void> LogExaminer::compare_ends(const txlog::WalkedTransaction& walked) {
    if (!head_.transactions) return damaged("log: found transactions, the head tells of none");
    const format::Transaction found{.id = next_, .time = time_of(walked.commit.time_ms), .checksum = walked.checksum};
    const auto& [lowest, highest, earliest] = *head_.transactions;
    if (count_ == 0 && found != lowest) {
        return damaged(fmt::format("log: found {} first, expected {}", text_of(found), text_of(lowest)));
    }
    if (next_ != highest.point.id) return {};
    const auto length = group_->lengths[nth_];
    const auto sha256 = archive::digits_of(digest_.finish());
    if (found == highest.point && length == highest.length && sha256 == highest.sha256) return {};
    return damaged(fmt::format("log: found {}, {} bytes of SHA-256 {}, expected {}, {} bytes of SHA-256 {}",
                               text_of(found), length, sha256, text_of(highest.point), highest.length, highest.sha256));
}

Result<void> LogExaminer::finish() {
    if (left_ > 0) return damaged(fmt::format("{}: {} bytes are missing at the log's end", name_of_next(), left_));
    if (group_ && nth_ < group_->lengths.size()) {
        return damaged(fmt::format("{}: missing, the log ends there", name_of_next()));
    }
    N4B_TRY(const auto more, groups_.next(call_));
    if (more) return damaged(fmt::format("{}: missing, the log ends there", name_of_next()));
    if (count_ != head_.counts.transactions) {
        return damaged(fmt::format("log: found {} transactions, expected {}", count_, head_.counts.transactions));
    }
    if (count_ > 0 && next_ != highest_of(head_) + 1) {
        return damaged(fmt::format("log: found transaction {} last, expected {}", next_ - 1, highest_of(head_)));
    }
    if (const auto latest = time_of(latest_ms_); latest != head_.latest_commit_time) {
        return damaged(
            fmt::format("log: found {} as the latest commit time, expected {}",
                        latest ? base::format_rfc3339_micro(*latest) : "none",
                        head_.latest_commit_time ? base::format_rfc3339_micro(*head_.latest_commit_time) : "none"));
    }
    return {};
}

}  // namespace n4b::engine
