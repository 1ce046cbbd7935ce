#include "operator/run/run_owner.hpp"

#include "operator/api/duration.hpp"
#include "operator/api/read_meta.hpp"

namespace n4b::run {

RunPolicy read_run_policy(base::JsonObject& spec) {
    RunPolicy policy;
    spec.object("timeouts", [&](base::JsonObject& timeouts) {
        std::chrono::milliseconds wait = *policy.wait;
        api::read_duration(timeouts, "wait", wait);
        policy.wait = wait;
        api::read_duration(timeouts, "start", policy.start);
        api::read_duration(timeouts, "attempt", policy.attempt);
        api::read_duration(timeouts, "run", policy.run);
    });
    spec.object("retry", [&](base::JsonObject& retry) {
        policy.retry_limit = retry.value_or<std::int64_t>("limit", 3);
        api::read_duration(retry, "backoff", policy.retry_backoff);
    });
    policy.not_after = api::read_time(spec, "notAfter");
    policy.cancelled = spec.value_or("cancel", false);
    return policy;
}

}  // namespace n4b::run
