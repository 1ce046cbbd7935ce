#include "operator/run/look.hpp"

#include <utility>

#include "common/base/reason.hpp"

namespace n4b::run {

RunOwner look_owner(api::Meta meta, std::string kind, const LookTimes& times) {
    meta.restored = false;  // What is looked at is no run that belongs to the past, whoever put its object back.
    return {.meta = std::move(meta),
            .kind = std::move(kind),
            .policy = {.wait = std::nullopt,
                       .start = times.start,
                       .attempt = times.attempt,
                       .run = times.run,
                       .retry_limit = 1,
                       .retry_backoff = std::chrono::seconds(30),
                       .lost_report = RunPolicy::LostReport::kNothing}};
}

Verdict look_verdict(const std::vector<api::Condition>& conditions) {
    const auto* condition = api::find_condition(conditions, "Reconciling");
    if (condition == nullptr) return {};
    const bool active = condition->status == "True";
    return {.outcome = active ? Verdict::Outcome::kUnknown : Verdict::Outcome::kSucceeded,
            .reason = base::parse_reason(condition->reason).value_or(base::Reason::kPending),
            .message = condition->message};
}

RunStatus begun_look(const RunStatus& status) {
    RunStatus next = status;
    next.first_attempt = next_number(status);
    next.started.reset();
    next.completed.reset();
    return next;
}

std::int64_t looked_at_generation(const RunStatus& status, std::int64_t observed, const api::Meta& meta) {
    return open_attempt(status) != nullptr ? observed : meta.generation;
}

}  // namespace n4b::run
