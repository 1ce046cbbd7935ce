#include "operator/plan/storage_plan.hpp"

#include <fmt/format.h>

#include "operator/api/reasons.hpp"

namespace n4b::plan {

using base::Reason;

api::Condition storage_ready(const api::Storage& storage, const ClaimInputs& claim, base::SystemTime now) {
    Reason reason = Reason::kReady;
    std::string message = fmt::format("claim {} is bound", storage.claim);
    if (!claim.phase) {
        reason = Reason::kClaimNotFound;
        message = fmt::format("no PersistentVolumeClaim \"{}\" in this namespace", storage.claim);
    } else if (*claim.phase == "Lost") {
        reason = Reason::kClaimLost;
        message = fmt::format("claim {} lost its volume", storage.claim);
    } else if (*claim.phase != "Bound") {
        reason = Reason::kClaimNotBound;
        message = fmt::format("claim {} is {}", storage.claim, *claim.phase);
        if (!claim.events.empty()) {
            const auto& last = claim.events.back();
            if (last.reason == "WaitForFirstConsumer" || last.reason == "WaitForPodScheduled")
                reason = Reason::kWaitingForFirstConsumer;
            message += ": " + last.message;
        }
    }
    const bool ready = reason == Reason::kReady || reason == Reason::kWaitingForFirstConsumer;
    if (!ready) message += fmt::format(". {}", api::advice(reason));
    return {.type = "Ready",
            .status = ready ? "True" : "False",
            .reason = std::string(to_string(reason)),
            .message = message.substr(0, 1000),
            .last_transition = now,
            .observed_generation = storage.meta.generation};
}

}  // namespace n4b::plan
