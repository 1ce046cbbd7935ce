#include "backup-runner/engine/pull_outcome.hpp"

#include <fmt/format.h>

namespace n4b::engine {
namespace {

using base::ErrorCode;
using base::Reason;

tl::unexpected<base::Error> unavailable(Reason reason, std::string text) {
    return base::fail(ErrorCode::kUnavailable, reason, std::move(text));
}

}  // namespace

base::Result<void> check_pull(const catchup::PullFinished& finished, std::int64_t last, std::string_view described) {
    switch (finished.status) {
        case catchup::PullStatus::kEndOfBatch:
        case catchup::PullStatus::kEndOfStream:
            // A server answers so, and not with an error, when it is asked for what lies in its future (6.9).
            if (finished.latest_transaction >= last) return {};
            return unavailable(Reason::kSourceBehind,
                               fmt::format("the source has committed only up to transaction {}, below {}",
                                           finished.latest_transaction, described));
        case catchup::PullStatus::kStoreIdMismatch:
            return unavailable(Reason::kSourceRefused, "the source changed its store id during the copy");
        case catchup::PullStatus::kStoreUnavailable:
            return unavailable(Reason::kSourceRefused, "the source's database is not available at the moment");
        case catchup::PullStatus::kTransactionPruned:
            return unavailable(Reason::kSourceLogPruned,
                               fmt::format("the source has pruned transaction {}, which the copy needs; its "
                                           "dbms.tx_log.rotation.retention_policy is too short",
                                           last + 1));
        case catchup::PullStatus::kInvalidRequest:
            return unavailable(Reason::kSourceRefused,
                               fmt::format("the source refuses to send transactions after {}", last));
    }
    return unavailable(Reason::kSourceRefused, "the source answered a pull with an unknown status");
}

}  // namespace n4b::engine
