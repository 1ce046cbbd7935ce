#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "operator/run/run_machine.hpp"

namespace n4b::run {

using base::Reason;
using std::chrono::seconds;
using Phase = AttemptState::Phase;

inline const base::SystemTime kCreated{seconds(1'790'000'000)};

/// How an attempt was found to stand.
inline void expect_state(const AttemptState& state, Phase phase, Reason reason) {
    EXPECT_EQ(state.phase, phase) << state.message;
    EXPECT_EQ(to_string(state.reason), to_string(reason)) << state.message;
}

/// A run that lives: each step plans, and takes what was planned over.
struct Life {
    RunOwner owner{
        .meta = {.object_namespace = "db", .name = "b", .uid = "0123456789ab", .generation = 1, .created = kCreated},
        .kind = "Neo4jBackup"};
    RunStatus status{};
    Verdict said{};
    base::SystemTime now = kCreated + seconds(1);
    RunStep plan{};

    Life() {
        owner.policy.retry_limit = 1;
        owner.policy.retry_backoff = seconds(10);
    }
    Life& step(std::optional<AttemptState> attempt = std::nullopt, std::optional<Hindrance> hindrance = std::nullopt) {
        plan = run::step({.owner = owner,
                          .status = status,
                          .before = said,
                          .attempt = std::move(attempt),
                          .hindrance = std::move(hindrance),
                          .now = now});
        status = plan.status;
        said = plan.verdict;
        return *this;
    }
    Life& waits(Reason reason) { return step(std::nullopt, Hindrance{reason, "gate"}); }
    Life& ends(Reason reason) { return step(AttemptState{.phase = Phase::kEnded, .reason = reason, .message = "why"}); }
    Life& completes() {
        contract::RunReport report{.reason = Reason::kCompleted};
        report.adopted = status.attempts.back().look_up;
        report.artifact.emplace();
        return step(AttemptState{.phase = Phase::kEnded, .reason = Reason::kCompleted, .report = report});
    }
    /// The conditions that the verdict becomes.
    [[nodiscard]] std::string condition(const char* type) const {
        std::vector<api::Condition> conditions;
        set_verdict(conditions, said, {.now = now, .generation = 1});
        const auto* c = api::find_condition(conditions, type);
        return c == nullptr ? "none" : c->status + "/" + c->reason;
    }
    [[nodiscard]] std::string verdict() const { return condition("Succeeded"); }
    [[nodiscard]] std::string message() const { return said.message; }
    [[nodiscard]] std::string stalled() const { return condition("Stalled").substr(0, condition("Stalled").find('/')); }
};

}  // namespace n4b::run
