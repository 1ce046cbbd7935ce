#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "operator/api/meta.hpp"
#include "operator/run/run_machine.hpp"
#include "operator/run/run_status.hpp"

/// What the looks at objects that live long, sources and storages, have in common: a look is a run that is made again
/// and again, and whose attempts go on counting.
namespace n4b::run {

/// How long one look may take: until its pod starts, one attempt, and all of it.
struct LookTimes {
    std::chrono::milliseconds start{};
    std::chrono::milliseconds attempt{};
    std::chrono::milliseconds run{};
};

RunOwner look_owner(api::Meta meta, std::string kind, const LookTimes& times);

/// What the conditions say of the look under way, or of the last one.
Verdict look_verdict(const std::vector<api::Condition>& conditions);

/// The status with which the next look begins.
RunStatus begun_look(const RunStatus& status);

/// The generation of the spec that a step of a look is about: while a Job looks, the one that the Job was made from, so
/// that a spec that changes meanwhile is looked at afterwards. `observed`: status.observedGeneration.
std::int64_t looked_at_generation(const RunStatus& status, std::int64_t observed, const api::Meta& meta);

}  // namespace n4b::run
