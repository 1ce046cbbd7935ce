#include "operator/run/condition_writer.hpp"

namespace n4b::run {

void ConditionWriter::set(const char* type, const Finding& finding) {
    const auto* before = api::find_condition(conditions_, type);
    const bool turned = before == nullptr || before->status != finding.status;
    set_quietly(type, finding);
    if (step_ == nullptr || !turned || finding.status != "False") return;
    step_->events.push_back(
        {.warning = true, .reason = std::string(to_string(finding.reason)), .note = finding.message});
}

void ConditionWriter::set_quietly(const char* type, const Finding& finding) {
    set_condition(conditions_, stamp_, type, finding.status, finding.reason, finding.message);
}

}  // namespace n4b::run
