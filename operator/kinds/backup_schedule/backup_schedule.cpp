#include "operator/kinds/backup_schedule/backup_schedule.hpp"

#include "operator/api/duration.hpp"
#include "operator/api/names.hpp"
#include "operator/api/read_meta.hpp"

namespace n4b::backup_schedule {
namespace {

using base::Json;
using base::JsonObject;
using base::time_or_null;
using schedule::ConcurrencyPolicy;
using schedule::MissedRunPolicy;
using schedule::RunType;

/// Objects that nobody has to clean away: a week of them is there to be looked at.
constexpr char kTtl[] = "168h";

void read_template(JsonObject& object, ScheduleSpec& spec) {
    const auto* json = object.raw("template");
    if (json == nullptr) return object.reject("template", "missing");
    spec.template_json = json->dump();
    object.object("template", [&](JsonObject& backup) {
        backup.object("sourceRef", [&](JsonObject& ref) { spec.source = ref.required<std::string>("name"); });
        backup.object("storageRef", [&](JsonObject& ref) { spec.storage = ref.required<std::string>("name"); });
        const auto databases =
            backup.optional<std::vector<std::string>>("databases").value_or(std::vector<std::string>{});
        if (!databases.empty()) spec.database = databases[0];
        spec.verify =
            contract::parse_verify_level(backup.value_or<std::string>("verify", "Written")).value_or(spec.verify);
    });
}

CadenceSpec read_cadence(JsonObject& object) {
    CadenceSpec cadence;
    cadence.name = object.required<std::string>("name");
    const auto type = object.required<std::string>("type");
    if (type != "Full" && type != "Incremental") object.reject("type", "expected Full or Incremental");
    cadence.type = type == "Full" ? RunType::kFull : RunType::kIncremental;
    cadence.cron = object.required<std::string>("cron");
    cadence.time_zone = object.value_or<std::string>("timeZone", "UTC");
    return cadence;
}

void read_spec(JsonObject& object, ScheduleSpec& spec) {
    read_template(object, spec);
    object.each("cadences", [&](JsonObject& cadence) { spec.cadences.push_back(read_cadence(cadence)); });
    spec.jitter = api::read_duration(object, "jitter");
    spec.suspended = object.value_or("suspend", false);
    const auto concurrency = object.value_or<std::string>("concurrencyPolicy", "Forbid");
    if (concurrency != "Forbid" && concurrency != "Queue")
        object.reject("concurrencyPolicy", "expected Forbid or Queue");
    spec.concurrency = concurrency == "Queue" ? ConcurrencyPolicy::kQueue : ConcurrencyPolicy::kForbid;
    api::read_duration(object, "startingDeadline", spec.starting_deadline);
    const auto missed = object.value_or<std::string>("missedRunPolicy", "RunOnce");
    if (missed != "Skip" && missed != "RunOnce") object.reject("missedRunPolicy", "expected Skip or RunOnce");
    spec.missed = missed == "Skip" ? MissedRunPolicy::kSkip : MissedRunPolicy::kRunOnce;
    spec.rpo = api::read_duration(object, "rpo");
    object.object("keep", [&](JsonObject& keep) {
        spec.keep = read_keep(keep);
        spec.dry_run = keep.value_or("dryRun", false);
    });
}

CadenceStatus read_cadence_status(JsonObject& object) {
    CadenceStatus cadence;
    cadence.name = object.required<std::string>("name");
    cadence.line = object.value_or<std::string>("line", "");
    cadence.done_until = api::read_time(object, "doneUntil");
    cadence.last = api::read_time(object, "lastTime");
    cadence.last_backup = object.value_or<std::string>("lastBackup", "");
    cadence.next = api::read_time(object, "nextTime");
    cadence.next_note = object.value_or<std::string>("nextNote", "");
    cadence.last_success = api::read_time(object, "lastSuccessTime");
    cadence.missed = object.value_or<std::int64_t>("missed", 0);
    return cadence;
}

void read_status(JsonObject& object, ScheduleStatus& status) {
    status.observed_generation = object.value_or<std::int64_t>("observedGeneration", -1);
    status.conditions = api::read_conditions(object);
    status.suspended = object.value_or("suspended", false);
    status.next = api::read_time(object, "nextTime");
    status.last_success = api::read_time(object, "lastSuccessTime");
    status.last_verified = api::read_time(object, "lastVerifiedTime");
    status.unexpected_full = object.value_or<std::string>("unexpectedFull", "");
    status.current_at = api::read_time(object, "currentAt");
    status.run_now = object.value_or<std::string>("runNow", "");
    object.each("cadences", [&](JsonObject& cadence) { status.cadences.push_back(read_cadence_status(cadence)); });
    object.object("retention", [&](JsonObject& retention) { status.retention = read_retention(retention); });
    if (const auto refused = refused_at(status.conditions); refused && !status.retention.run.finished()) {
        status.retention.run.completed = *refused;
    }
}

Json text_or_null(const std::string& text) {
    return text.empty() ? Json() : Json(text);
}

// A list is replaced as a whole by a merge patch, so what is not set may be left out.
Json cadence_json(const CadenceStatus& cadence) {
    Json json{{"name", cadence.name}, {"missed", cadence.missed}};
    const auto add = [&](const char* key, Json value) {
        if (!value.is_null()) json[key] = std::move(value);
    };
    add("line", text_or_null(cadence.line));
    add("doneUntil", time_or_null(cadence.done_until));
    add("lastTime", time_or_null(cadence.last));
    add("lastBackup", text_or_null(cadence.last_backup));
    add("nextTime", time_or_null(cadence.next));
    add("nextNote", text_or_null(cadence.next_note));
    add("lastSuccessTime", time_or_null(cadence.last_success));
    return json;
}

std::string text_of(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

base::Result<BackupSchedule> parse_schedule(const Json& json) {
    JsonObject object(json, "");
    BackupSchedule schedule;
    schedule.meta = api::read_meta(object);
    if (!object.object("spec", [&](JsonObject& spec) { read_spec(spec, schedule.spec); }))
        object.reject("spec", "missing");
    object.object("status", [&](JsonObject& status) { read_status(status, schedule.status); });
    N4B_TRY_VOID(object.finish());
    return schedule;
}

std::string status_json(const ScheduleStatus& status) {
    Json cadences = Json::array();
    std::int64_t missed = 0;
    for (const auto& cadence : status.cadences) {
        missed += cadence.missed;
        cadences.push_back(cadence_json(cadence));
    }
    return text_of({{"observedGeneration", status.observed_generation},
                    {"conditions", api::conditions_json(status.conditions)},
                    {"suspended", status.suspended},
                    // Where nothing was written yet, 0 differs from what is there: people see a figure, not a gap.
                    {"missed", status.observed_generation < 0 ? Json() : Json(missed)},
                    {"nextTime", time_or_null(status.next)},
                    {"lastSuccessTime", time_or_null(status.last_success)},
                    {"lastVerifiedTime", time_or_null(status.last_verified)},
                    {"unexpectedFull", text_or_null(status.unexpected_full)},
                    {"currentAt", time_or_null(status.current_at)},
                    {"runNow", text_or_null(status.run_now)},
                    {"cadences", std::move(cadences)},
                    {"retention", retention_json(status.retention)}});
}

std::string conditions_json(const ScheduleStatus& status) {
    return text_of(
        {{"observedGeneration", status.observed_generation}, {"conditions", api::conditions_json(status.conditions)}});
}

std::string backup_json(const BackupSchedule& schedule, const NewBackup& backup) {
    auto spec = Json::parse(schedule.spec.template_json);
    if (backup.type) spec["type"] = *backup.type == RunType::kFull ? "Full" : "Incremental";
    spec["notAfter"] = base::format_rfc3339(backup.not_after);
    if (!spec.contains("ttlAfterFinished")) spec["ttlAfterFinished"] = kTtl;
    Json meta{{"name", backup.name},
              {"namespace", schedule.meta.object_namespace},
              {"labels", {{api::kScheduleLabel, schedule.meta.name}}}};
    if (!backup.cadence.empty()) meta["labels"][api::kCadenceLabel] = backup.cadence;
    if (backup.slot) meta["annotations"] = {{api::kSlotAnnotation, base::format_rfc3339(*backup.slot)}};
    return text_of({{"apiVersion", api::api_version()},
                    {"kind", "Neo4jBackup"},
                    {"metadata", std::move(meta)},
                    {"spec", std::move(spec)}});
}

}  // namespace n4b::backup_schedule
