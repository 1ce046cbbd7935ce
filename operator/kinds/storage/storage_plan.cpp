#include "operator/kinds/storage/storage_plan.hpp"

#include <fmt/format.h>

#include "operator/api/reasons.hpp"
#include "operator/run/run_status.hpp"

namespace n4b::storage {
namespace {

using base::Reason;

struct Finding {
    Reason reason = Reason::kReady;
    std::string message{};
};

Finding look_at(const Storage& storage, const ClaimInputs& in) {
    if (!in.claim) {
        return {Reason::kClaimNotFound,
                fmt::format("no PersistentVolumeClaim \"{}\" in this namespace", storage.claim)};
    }
    if (in.claim->terminating) {
        return {Reason::kClaimTerminating, fmt::format("claim {} is being deleted", storage.claim)};
    }
    if (in.claim->phase == "Bound") return {Reason::kReady, fmt::format("claim {} is bound", storage.claim)};
    if (in.claim->phase == "Lost") return {Reason::kClaimLost, fmt::format("claim {} lost its volume", storage.claim)};
    Finding finding{Reason::kClaimNotBound, fmt::format("claim {} is {}", storage.claim, in.claim->phase)};
    if (!in.events.empty()) {
        const auto& last = in.events.back();
        if (last.reason == "WaitForFirstConsumer" || last.reason == "WaitForPodScheduled")
            finding.reason = Reason::kWaitingForFirstConsumer;
        finding.message += ": " + last.message;
    }
    return finding;
}

}  // namespace

std::vector<api::Condition> storage_conditions(const Storage& storage, const ClaimInputs& inputs,
                                               base::SystemTime now) {
    auto [reason, message] = look_at(storage, inputs);
    const bool ready = reason == Reason::kReady || reason == Reason::kWaitingForFirstConsumer;
    if (!ready) message += fmt::format(". {}", api::advice(reason));
    auto conditions = storage.conditions;
    const run::Stamp stamp{.now = now, .generation = storage.meta.generation};
    const auto set = [&](const char* type, bool value) {
        run::set_condition(conditions, stamp, type, value ? "True" : "False", reason, message);
    };
    set("Ready", ready);
    set("Reconciling", false);
    set("Stalled", !ready);
    return conditions;
}

}  // namespace n4b::storage
