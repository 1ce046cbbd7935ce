#include "operator/run/run_status.hpp"

#include <cctype>

#include "operator/api/read_meta.hpp"

namespace n4b::run {
namespace {

using base::Json;
using base::JsonObject;
using base::time_or_null;
using Outcome = Verdict::Outcome;

Json attempt_json(const Attempt& a) {
    Json json{{"number", a.number}, {"job", a.job}, {"startTime", base::format_rfc3339(a.started)}};
    if (!a.job_uid.empty()) json["jobUID"] = a.job_uid;
    if (a.look_up) json["lookUp"] = true;
    if (a.ended) json["endTime"] = base::format_rfc3339(*a.ended);
    if (!a.reason.empty()) json["reason"] = a.reason;
    if (!a.message.empty()) json["message"] = a.message;
    return json;
}

Attempt read_attempt(JsonObject& object) {
    return {.number = object.required<std::int64_t>("number"),
            .job = object.required<std::string>("job"),
            .job_uid = object.value_or<std::string>("jobUID", ""),
            .look_up = object.value_or("lookUp", false),
            .started = api::read_time(object, "startTime").value_or(base::SystemTime{}),
            .ended = api::read_time(object, "endTime"),
            .reason = object.value_or<std::string>("reason", ""),
            .message = object.value_or<std::string>("message", "")};
}

Json progress_json(const Progress& p) {
    // Nothing is written as null, which removes what an earlier patch had set.
    return {{"bytes", p.bytes},
            {"files", p.files},
            {"rate", p.rate},
            {"totalBytes", p.total_bytes ? Json(*p.total_bytes) : Json()},
            {"remainingSeconds", p.remaining ? Json(p.remaining->count()) : Json()},
            {"phase", p.phase},
            {"observedTime", base::format_rfc3339(p.observed)}};
}

Progress read_progress(JsonObject& object) {
    const auto remaining = object.optional<std::int64_t>("remainingSeconds");
    return {.bytes = object.value_or<std::int64_t>("bytes", 0),
            .files = object.value_or<std::int64_t>("files", 0),
            .rate = object.value_or<std::int64_t>("rate", 0),
            .total_bytes = object.optional<std::int64_t>("totalBytes"),
            .remaining = remaining ? std::optional(std::chrono::seconds(*remaining)) : std::nullopt,
            .phase = object.value_or<std::string>("phase", ""),
            .observed = api::read_time(object, "observedTime").value_or(base::SystemTime{})};
}

std::string succeeded(Outcome outcome) {
    switch (outcome) {
        case Outcome::kUnknown:
            return "Unknown";
        case Outcome::kSucceeded:
            return "True";
        case Outcome::kFailed:
        case Outcome::kSkipped:
            return "False";
    }
    return "Unknown";
}

}  // namespace

const Attempt* open_attempt(const RunStatus& status) {
    return status.attempts.empty() || status.attempts.back().ended ? nullptr : &status.attempts.back();
}

std::int64_t next_number(const RunStatus& status) {
    return status.attempts.empty() ? 1 : status.attempts.back().number + 1;
}

RunStatus read_run_status(JsonObject& status) {
    RunStatus run;
    status.each("attempts", [&](JsonObject& attempt) { run.attempts.push_back(read_attempt(attempt)); });
    run.first_attempt = status.value_or<std::int64_t>("firstAttempt", 1);
    run.started = api::read_time(status, "startTime");
    run.completed = api::read_time(status, "completionTime");
    status.object("progress", [&](JsonObject& progress) { run.progress = read_progress(progress); });
    return run;
}

void write_run_status(Json& status, const RunStatus& run) {
    Json attempts = Json::array();
    for (const auto& attempt : run.attempts) attempts.push_back(attempt_json(attempt));
    status["attempts"] = std::move(attempts);
    status["firstAttempt"] = run.first_attempt == 1 ? Json() : Json(run.first_attempt);
    status["startTime"] = time_or_null(run.started);
    status["completionTime"] = time_or_null(run.completed);
    status["progress"] = run.progress ? progress_json(*run.progress) : Json();
}

void set_condition(std::vector<api::Condition>& conditions, const Stamp& stamp, std::string type, std::string status,
                   base::Reason reason, const std::string& message) {
    api::set_condition(conditions, {.type = std::move(type),
                                    .status = std::move(status),
                                    .reason = std::string(to_string(reason)),
                                    .message = message.substr(0, kMaxMessage),
                                    .last_transition = stamp.now,
                                    .observed_generation = stamp.generation});
}

Verdict verdict_of(const std::vector<api::Condition>& conditions) {
    const auto* condition = api::find_condition(conditions, "Succeeded");
    if (condition == nullptr) return {};
    const auto* stalled = api::find_condition(conditions, "Stalled");
    const bool failed = stalled != nullptr && stalled->status == "True";
    Verdict verdict{.reason = base::parse_reason(condition->reason).value_or(base::Reason::kPending),
                    .message = condition->message};
    if (condition->status == "True") verdict.outcome = Outcome::kSucceeded;
    if (condition->status == "False") verdict.outcome = failed ? Outcome::kFailed : Outcome::kSkipped;
    return verdict;
}

void complete_from(const std::vector<api::Condition>& conditions, RunStatus& run) {
    const auto* succeeded = api::find_condition(conditions, "Succeeded");
    if (succeeded == nullptr || succeeded->status == "Unknown" || run.completed) return;
    run.completed = succeeded->last_transition;
}

std::string conditions_json(std::int64_t observed_generation, const std::vector<api::Condition>& conditions) {
    const Json json{{"observedGeneration", observed_generation}, {"conditions", api::conditions_json(conditions)}};
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

bool tell_the_same(std::string one, std::string other) {
    for (auto* text : {&one, &other}) {
        std::erase_if(*text, [](unsigned char c) { return std::isxdigit(c) != 0; });
    }
    return one == other;
}

void set_verdict(std::vector<api::Condition>& conditions, const Verdict& verdict, const Stamp& stamp) {
    const auto set = [&](const char* type, const std::string& status) {
        set_condition(conditions, stamp, type, status, verdict.reason, verdict.message);
    };
    const bool active = verdict.outcome == Outcome::kUnknown;
    set("Succeeded", succeeded(verdict.outcome));
    set("Finished", active ? "False" : "True");
    set("Reconciling", active ? "True" : "False");
    set("Stalled", verdict.outcome == Outcome::kFailed ? "True" : "False");
}

}  // namespace n4b::run
