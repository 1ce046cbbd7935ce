#pragma once

#include <string>
#include <vector>

#include "operator/run/run_machine.hpp"
#include "operator/run/run_status.hpp"

namespace n4b::run {

/// What a look found out about one thing.
struct Finding {
    std::string status{};  ///< "True", "False" or "Unknown".
    base::Reason reason = base::Reason::kReady;
    std::string message{};
};

/// Writes conditions, and adds an event to a step for each that turns bad. One thread; borrows all it is given.
class ConditionWriter {
public:
    /// Without a step nothing is told as an event.
    ConditionWriter(std::vector<api::Condition>& conditions, RunStep* step, Stamp stamp)
        : conditions_(conditions), step_(step), stamp_(stamp) {}
    void set(const char* type, const Finding& finding);
    /// The same without an event: another condition tells it.
    void set_quietly(const char* type, const Finding& finding);

private:
    std::vector<api::Condition>& conditions_;
    RunStep* step_;
    Stamp stamp_;
};

}  // namespace n4b::run
