#include "operator/plan/job_builder.hpp"

#include "common/base/fnv1a.hpp"
#include "common/base/json_object.hpp"
#include "operator/plan/attempt.hpp"
#include "operator/plan/source_tls.hpp"

namespace n4b::plan {
namespace {

using base::Json;

constexpr char kMount[] = "/backup";
constexpr auto kDeadlineGrace = std::chrono::minutes(1);  // The runner ends itself first, with a report.
constexpr std::size_t kMaxNamePart = 40;

Json parsed(const std::string& text, Json fallback) {
    return text.empty() ? std::move(fallback) : Json::parse(text);  // Came from the API server as JSON.
}

contract::RunSpec run_spec(const JobRequest& request) {
    const auto& meta = request.backup.meta;
    const auto& spec = request.backup.spec;
    return {.command = request.look_up ? contract::Command::kLookUp : contract::Command::kBackup,
            .run = {.uid = meta.uid,
                    .object_namespace = meta.object_namespace,
                    .name = meta.name,
                    .attempt = request.attempt},
            .source = spec.source,
            .endpoints = request.look_up ? std::vector<contract::Endpoint>{} : request.endpoints,
            .tls = request.look_up ? std::nullopt : tls_spec(request.backup),
            .policy = spec.policy,
            .max_lag = spec.max_lag,
            .database = spec.database,
            .storage_path = request.storage.path.empty() ? kMount : std::string(kMount) + "/" + request.storage.path,
            .compression = spec.compression,
            .connections = spec.runner.connections,
            .duration = attempt_limit(request.backup, request.now, request.look_up),
            .timeouts = spec.timeouts,
            .bandwidth_limit = spec.runner.bandwidth_limit,
            .http_port = kRunnerHttpPort};
}

Json container(const JobRequest& request, const std::vector<TlsVolume>& tls) {
    Json mounts = Json::array({{{"name", "backups"}, {"mountPath", kMount}}});
    for (const auto& volume : tls) {
        mounts.push_back({{"name", volume.name}, {"mountPath", volume.path}, {"readOnly", true}});
    }
    return {
        {"name", "runner"},
        {"image", request.config.image},
        {"imagePullPolicy", request.config.pull_policy},
        {"env", Json::array({{{"name", contract::kRunSpecVariable}, {"value", contract::to_json(run_spec(request))}}})},
        {"ports", Json::array({{{"name", "http"}, {"containerPort", kRunnerHttpPort}}})},
        {"resources", Json::parse(request.backup.spec.runner.resources)},
        {"terminationMessagePolicy", "File"},
        {"securityContext",
         {{"allowPrivilegeEscalation", false},
          {"readOnlyRootFilesystem", true},
          {"capabilities", {{"drop", Json::array({"ALL"})}}}}},
        {"volumeMounts", mounts}};
}

Json pod_spec(const JobRequest& request) {
    const auto& runner = request.backup.spec.runner;
    const auto tls = request.look_up ? std::vector<TlsVolume>{} : tls_volumes(request.backup);
    Json volumes =
        Json::array({{{"name", "backups"}, {"persistentVolumeClaim", {{"claimName", request.storage.claim}}}}});
    for (const auto& volume : tls) volumes.push_back(Json::parse(volume.json));
    Json spec{{"restartPolicy", "Never"},
              {"automountServiceAccountToken", false},
              {"enableServiceLinks", false},
              {"terminationGracePeriodSeconds", 30},
              {"securityContext",
               {{"runAsNonRoot", true},
                {"runAsUser", runner.run_as_user},
                {"runAsGroup", runner.run_as_group},
                {"fsGroup", runner.fs_group},
                {"fsGroupChangePolicy", runner.fs_group_change_policy},
                {"seccompProfile", {{"type", "RuntimeDefault"}}}}},
              {"containers", Json::array({container(request, tls)})},
              {"volumes", volumes}};
    if (!runner.node_selector.empty()) spec["nodeSelector"] = Json::parse(runner.node_selector);
    if (!runner.tolerations.empty()) spec["tolerations"] = Json::parse(runner.tolerations);
    if (!runner.affinity.empty()) spec["affinity"] = Json::parse(runner.affinity);
    if (!runner.priority_class.empty()) spec["priorityClassName"] = runner.priority_class;
    return spec;
}

}  // namespace

std::string job_name(const api::Meta& backup, std::int64_t attempt) {
    std::string name = backup.name.substr(0, kMaxNamePart);
    while (!name.empty() && (name.back() == '.' || name.back() == '-')) name.pop_back();
    for (char& c : name) c = c == '.' ? '-' : c;
    return fmt::format("{}-{}-{}", name, backup.uid.substr(0, 8), attempt);
}

std::string spec_digest(const api::Backup& backup, std::int64_t attempt, bool look_up) {
    const auto& spec = backup.spec;
    return fmt::format("{:016x}",
                       base::fnv1a(fmt::format("{}/{}/{}/{}/{}/{}/{}", backup.meta.uid, backup.meta.generation, attempt,
                                               look_up, spec.source, spec.database, spec.storage)));
}

std::string build_job(const JobRequest& request) {
    const auto& backup = request.backup;
    Json labels = parsed(backup.spec.runner.labels, Json::object());
    labels.update({{"app.kubernetes.io/name", "neo4j-backup-runner"},
                   {"app.kubernetes.io/managed-by", "neo4j-backup-operator"},
                   {"neo4jbackup.dev/backup", backup.meta.name},
                   {"neo4jbackup.dev/backup-uid", backup.meta.uid},
                   {"neo4jbackup.dev/attempt", std::to_string(request.attempt)}});
    Json annotations = parsed(backup.spec.runner.annotations, Json::object());
    annotations["neo4jbackup.dev/spec-digest"] = spec_digest(backup, request.attempt, request.look_up);
    const auto limit =
        std::chrono::ceil<std::chrono::seconds>(attempt_limit(backup, request.now, request.look_up) + kDeadlineGrace);
    const Json job{
        {"apiVersion", "batch/v1"},
        {"kind", "Job"},
        {"metadata",
         {{"name", job_name(backup.meta, request.attempt)},
          {"namespace", backup.meta.object_namespace},
          {"labels", labels},
          {"annotations", annotations},
          {"ownerReferences", Json::array({{{"apiVersion", api::kApiVersion},
                                            {"kind", "Neo4jBackup"},
                                            {"name", backup.meta.name},
                                            {"uid", backup.meta.uid},
                                            {"controller", true},
                                            {"blockOwnerDeletion", true}}})}}},
        {"spec",
         {{"backoffLimit", 0},
          {"activeDeadlineSeconds", limit.count()},
          {"template",
           {{"metadata", {{"labels", labels}, {"annotations", annotations}}}, {"spec", pod_spec(request)}}}}}};
    return job.dump();
}

}  // namespace n4b::plan
