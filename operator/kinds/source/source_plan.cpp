#include "operator/kinds/source/source_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "operator/api/names.hpp"
#include "operator/kinds/source/tls_mounts.hpp"
#include "operator/run/condition_writer.hpp"
#include "operator/run/locks.hpp"
#include "operator/run/look.hpp"

namespace n4b::source {
namespace {

using base::Reason;
using contract::MemberReport;
using contract::MemberRole;
using run::Finding;
using std::chrono::milliseconds;
using Outcome = run::Verdict::Outcome;

// A probe opens a few connections: minutes are plenty.
constexpr auto kAttempt = std::chrono::minutes(5);
constexpr auto kRun = std::chrono::minutes(20);
constexpr milliseconds kProbeAfterFailure = std::chrono::minutes(10);

bool answered(const MemberReport& member) {
    return member.reason == Reason::kCompleted;
}

std::vector<const MemberReport*> answering(const SourceStatus& status) {
    std::vector<const MemberReport*> list;
    for (const auto& member : status.members) {
        if (answered(member)) list.push_back(&member);
    }
    return list;
}

/// Whether backups can be taken, from what the members said.
Finding judge(const Source& source, const std::vector<const MemberReport*>& members) {
    const auto* first = members.front();
    for (const auto* member : members) {
        if (member->store_id.empty() || first->store_id.empty() || member->store_id == first->store_id) continue;
        return {"False", Reason::kSourcesDisagree,
                fmt::format("{} and {} serve different databases", first->address, member->address)};
    }
    const bool has_replica = std::any_of(members.begin(), members.end(),
                                         [](const auto* member) { return member->role == MemberRole::kReadReplica; });
    if (source.spec.policy == contract::SourcePolicy::kReplicaOnly && !has_replica) {
        return {"False", Reason::kNoReadReplica, "policy is ReplicaOnly, and no read replica answers"};
    }
    return {"True", Reason::kReady,
            fmt::format("{} of {} members answer", members.size(), source.status.members.size())};
}

Finding authenticated(const SourceSpec& spec, const std::vector<const MemberReport*>& members) {
    if (!spec.tls) {
        return {"False", Reason::kClearText,
                "the members are read in clear text: nobody checks who answers. Set an SSL policy, and "
                "spec.connection.tls; see docs/security.md"};
    }
    if (spec.tls->verification == contract::TlsVerification::kNone) {
        return {"False", Reason::kNotVerified,
                "spec.connection.tls.verification is None: anybody in between can answer"};
    }
    return {"True", Reason::kVerified, fmt::format("{} members showed a trusted certificate", members.size())};
}

Finding guarded(const SourceSpec& spec, const std::vector<const MemberReport*>& members) {
    if (!spec.tls) {
        return {"False", Reason::kClearText,
                "whoever reaches the members' port can read the database. Set an SSL policy, and spec.connection.tls; "
                "see docs/security.md"};
    }
    for (const auto* member : members) {
        if (member->tls && member->tls->client_certificate_requested) continue;
        return {"False", Reason::kNoClientCertificateDemanded,
                fmt::format("{} demands no client certificate: whoever reaches its port can read the database. Set "
                            "client_auth=REQUIRE in its SSL policy; see docs/security.md",
                            member->address)};
    }
    return {"True", Reason::kClientCertificateDemanded, "every member that answers demands a client certificate"};
}

void tell_members(const Source& source, SourceStatus& status, run::ConditionWriter& conditions) {
    const auto members = answering(status);
    Source seen = source;
    seen.status = status;
    status.store_id = members.front()->store_id;
    for (const auto* member : members) {
        if (member->tls && member->tls->certificate_expires) {
            status.client_certificate_expires = member->tls->certificate_expires;
        }
    }
    conditions.set("Reachable", {"True", Reason::kReady,
                                 fmt::format("{} of {} members answer", members.size(), status.members.size())});
    conditions.set("SourceAuthenticated", authenticated(source.spec, members));
    conditions.set("SourceGuarded", guarded(source.spec, members));
    conditions.set("Ready", judge(seen, members));
}

void tell_failure(const run::Verdict& verdict, run::ConditionWriter& conditions) {
    const Finding finding{"False", verdict.reason, verdict.message};
    conditions.set("Reachable", finding);
    conditions.set("Ready", finding);
}

}  // namespace

run::RunOwner owner_of(const Source& source) {
    return run::look_owner(source.meta, "Neo4jBackupSource", {.start = kAttempt, .attempt = kAttempt, .run = kRun});
}

milliseconds until_probe(const Source& source, base::SystemTime now) {
    const auto& status = source.status;
    const auto* reachable = api::find_condition(status.conditions, "Reachable");
    const bool current = reachable != nullptr && reachable->observed_generation == source.meta.generation;
    if (!current || !status.last_probe) return milliseconds(0);
    auto interval = source.spec.probe_interval;
    if (reachable->status != "True") interval = std::min(interval, kProbeAfterFailure);
    return std::max(milliseconds(0), std::chrono::ceil<milliseconds>(*status.last_probe + interval - now));
}

SourceStatus begun(const SourceStatus& status) {
    SourceStatus next = status;
    next.run = run::begun_look(status.run);
    return next;
}

run::Preparation prepare(const Source& source, std::vector<contract::Endpoint> endpoints,
                         const run::RunnerConfig& config) {
    if (endpoints.empty()) {
        const auto& service = source.spec.service;
        return {.hindrance = run::Hindrance{Reason::kServiceHasNoEndpoints,
                                            fmt::format("Service \"{}\" has no ready address with a port named \"{}\"",
                                                        service ? service->name : "", service ? service->port : "")}};
    }
    return {.locks = {run::members_lock(source.meta.object_namespace, source.meta.name)},
            .profile = api::merged(config.defaults, source.spec.runner),
            .spec = {.command = contract::Command::kProbe,
                     .source = source.identity(),
                     .endpoints = std::move(endpoints),
                     .tls = tls_spec(source)},
            .mounts = tls_mounts(source),
            .labels = {{api::kSourceLabel, source.identity()}}};
}

SourceStatus status_after(const Source& source, run::RunStep& step, base::SystemTime now) {
    SourceStatus status = source.status;
    const run::Stamp stamp{
        .now = now,
        .generation = run::looked_at_generation(source.status.run, source.status.observed_generation, source.meta)};
    run::ConditionWriter conditions(status.conditions, &step, stamp);
    status.run = step.status;
    status.observed_generation = stamp.generation;
    const auto& verdict = step.verdict;
    const bool active = verdict.outcome == Outcome::kUnknown;
    if (step.report && !step.report->members.empty()) status.members = step.report->members;
    if (verdict.outcome == Outcome::kSucceeded && !answering(status).empty()) {
        status.last_success = now;
        tell_members(source, status, conditions);
    } else if (!active || verdict.reason == Reason::kServiceHasNoEndpoints) {
        tell_failure(verdict, conditions);
    }
    if (!active) status.last_probe = now;
    const auto* ready = api::find_condition(status.conditions, "Ready");
    const bool stalled = !active && ready != nullptr && ready->status == "False";
    run::set_condition(status.conditions, stamp, "Reconciling", active ? "True" : "False", verdict.reason,
                       verdict.message);
    run::set_condition(status.conditions, stamp, "Stalled", stalled ? "True" : "False", verdict.reason,
                       verdict.message);
    status.display = display_of(source.spec, status);
    return status;
}

SourceStatus status_after(const Source& source, const contract::RunReport& report, base::SystemTime now) {
    SourceStatus status = source.status;
    if (!report.source) return status;
    const auto& copied = *report.source;
    MemberReport member{.address = copied.address,
                        .member = copied.member,
                        .role = copied.role,
                        .store_id = copied.store_id,
                        .last_transaction = copied.last_transaction,
                        .lag = copied.lag,
                        .tls = report.tls};
    const auto known = std::find_if(status.members.begin(), status.members.end(),
                                    [&](const auto& other) { return other.address == member.address; });
    if (known == status.members.end()) {
        status.members.push_back(std::move(member));
    } else {
        if (!member.tls) member.tls = known->tls;
        *known = std::move(member);
    }
    status.last_probe = now;
    status.last_success = now;
    run::ConditionWriter conditions(status.conditions, nullptr, {.now = now, .generation = source.meta.generation});
    tell_members(source, status, conditions);
    status.display = display_of(source.spec, status);
    return status;
}

}  // namespace n4b::source
