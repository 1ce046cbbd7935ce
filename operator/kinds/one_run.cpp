#include "operator/kinds/one_run.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "common/base/json_object.hpp"
#include "operator/jobs/workload.hpp"
#include "operator/kube/write_status.hpp"

namespace n4b::kinds {

using base::ErrorCode;
using base::Result;
using jobs::Requeue;

std::string result_of(const run::Verdict& verdict) {
    using Outcome = run::Verdict::Outcome;
    if (verdict.outcome == Outcome::kSucceeded) return "Succeeded";
    return verdict.outcome == Outcome::kSkipped ? "Skipped" : "Failed";
}

Result<void> refuse(kube::Client& client, const base::Clock& clock, const std::string& plural,
                    const kube::Unreadable& object) {
    const auto slash = object.key.find('/');
    const api::Meta meta{.object_namespace = object.key.substr(0, slash), .name = object.key.substr(slash + 1)};
    std::vector<api::Condition> conditions;
    run::set_verdict(conditions,
                     {.outcome = run::Verdict::Outcome::kFailed, .reason = object.reason, .message = object.error},
                     {.now = clock.system_now()});
    const auto text = run::conditions_json(0, conditions);
    // One that has a verdict already keeps it: the API server refuses another one.
    N4B_TRY_VOID(kube::write_status(client,
                                    {.path = jobs::object_path(api::api_path(), meta, plural, meta.name),
                                     .resource_version = object.resource_version,
                                     .uid = object.uid},
                                    {}, text, text));
    return {};
}

Result<Requeue> expire(kube::Client& client, const base::Clock& clock, const Expiry& expiry, Requeue requeue) {
    if (!expiry.ttl || !expiry.completed || expiry.meta.deleted) return requeue;
    const auto left = *expiry.completed + *expiry.ttl - clock.system_now();
    if (left > std::chrono::milliseconds(0)) return requeue ? std::min(*requeue, left) : left;
    N4B_TRY_VOID(client.remove(expiry.path, expiry.meta.uid));
    return Requeue{};
}

}  // namespace n4b::kinds
