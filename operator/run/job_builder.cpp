#include "operator/run/job_builder.hpp"

#include <algorithm>
#include <cctype>

#include "common/base/fnv1a.hpp"
#include "common/base/json_object.hpp"
#include "operator/api/names.hpp"
#include "operator/run/container_security.hpp"

namespace n4b::run {
namespace {

using base::Json;

constexpr auto kDeadlineGrace = std::chrono::minutes(1);  // The runner ends itself first, with a report.
constexpr auto kRunnerGrace = std::chrono::seconds(30);   // Of which it takes 20 to remove what it wrote.
constexpr std::size_t kMaxNamePart = 40;
constexpr std::size_t kMaxLabel = 63;

/// JSON that came from the API server or from the operator's own configuration, both parsed before.
Json parsed(const std::string& text, Json fallback) {
    return text.empty() ? std::move(fallback) : Json::parse(text);
}

contract::RunSpec run_spec(const JobRequest& request) {
    auto spec = request.spec;
    spec.run = {.uid = request.owner.meta.uid,
                .object_namespace = request.owner.meta.object_namespace,
                .name = request.owner.meta.name,
                .attempt = request.attempt.number,
                .cluster = request.config.cluster,
                .schedule = request.spec.run.schedule};
    spec.duration = request.limit;
    spec.http_port = kRunnerHttpPort;
    return spec;
}

Json runner_container(const JobRequest& request) {
    Json mounts = Json::array();
    for (const auto& mount : request.mounts) {
        Json json{{"name", mount.name}, {"mountPath", mount.path}};
        if (mount.access == Mount::Access::kRead) json["readOnly"] = true;
        mounts.push_back(std::move(json));
    }
    return {
        {"name", api::kRunnerContainer},
        {"image", request.config.image},
        {"imagePullPolicy", request.config.pull_policy},
        {"env", Json::array({{{"name", contract::kRunSpecVariable}, {"value", contract::to_json(run_spec(request))}}})},
        {"ports", Json::array({{{"name", "http"}, {"containerPort", kRunnerHttpPort}}})},
        {"resources", api::resources_json(request.profile.resources)},
        {"terminationMessagePolicy", "File"},
        {"securityContext", container_security()},
        {"volumeMounts", mounts}};
}

Json pod_security(const api::PodProfile& profile) {
    Json context = parsed(profile.security_context, Json::object());
    context["runAsNonRoot"] = true;
    context["seccompProfile"] = {{"type", "RuntimeDefault"}};
    return context;
}

Json pod_spec(const JobRequest& request) {
    const auto& profile = request.profile;
    Json volumes = Json::array();
    for (const auto& mount : request.mounts) volumes.push_back(Json::parse(mount.volume));
    const std::chrono::seconds grace =
        request.server ? std::max<std::chrono::seconds>(kRunnerGrace, kServerGrace) : kRunnerGrace;
    Json spec{{"restartPolicy", "Never"},
              {"automountServiceAccountToken", false},
              {"enableServiceLinks", false},
              {"terminationGracePeriodSeconds", grace.count()},
              // Nobody ever sets this condition, so the pod never is Ready and no Service sends it anything, whatever
              // labels an administrator gives it.
              {"readinessGates", Json::array({{{"conditionType", "neo4jbackup.dev/never-ready"}}})},
              {"securityContext", pod_security(profile)},
              {"containers", Json::array({runner_container(request)})}};
    if (request.server) {
        spec["initContainers"] = std::move(spec["containers"]);
        spec["containers"] = Json::array({server_container(*request.server)});
        volumes.push_back(server_scratch());
    }
    spec["volumes"] = std::move(volumes);
    const auto add = [&](const char* key, const std::string& json) {
        if (!json.empty()) spec[key] = Json::parse(json);
    };
    add("nodeSelector", profile.node_selector);
    add("tolerations", profile.tolerations);
    add("affinity", profile.affinity);
    add("imagePullSecrets", profile.image_pull_secrets);
    if (!profile.priority_class.empty()) spec["priorityClassName"] = profile.priority_class;
    if (!profile.service_account.empty()) spec["serviceAccountName"] = profile.service_account;
    return spec;
}

/// The administrator's labels with ours over them.
Json labels_of(const JobRequest& request) {
    Json labels = parsed(request.profile.labels, Json::object());
    labels.update({{"app.kubernetes.io/name", "neo4j-backup-runner"},
                   {"app.kubernetes.io/managed-by", "neo4j-backup-operator"},
                   {api::kKindLabel, request.owner.kind},
                   {api::kOwnerLabel, request.owner.meta.name},
                   {api::kOwnerUidLabel, request.owner.meta.uid},
                   {api::kAttemptLabel, std::to_string(request.attempt.number)}});
    for (const auto& [key, value] : request.labels) {
        if (auto text = label_value(value); !text.empty()) labels[key] = std::move(text);
    }
    return labels;
}

Json annotations_of(const JobRequest& request) {
    Json annotations = parsed(request.profile.annotations, Json::object());
    annotations[api::kDigestAnnotation] = job_digest(request);
    std::string locks;
    for (const auto& lock : request.locks) locks += (locks.empty() ? "" : "\n") + lock;
    if (!locks.empty()) annotations[api::kLocksAnnotation] = std::move(locks);
    return annotations;
}

}  // namespace

std::string label_value(std::string text) {
    const auto is_edge = [](unsigned char c) { return std::isalnum(c) != 0; };
    for (char& c : text) {
        if (!is_edge(static_cast<unsigned char>(c)) && c != '-' && c != '_' && c != '.') c = '_';
    }
    if (text.size() > kMaxLabel) text.resize(kMaxLabel);
    while (!text.empty() && !is_edge(static_cast<unsigned char>(text.back()))) text.pop_back();
    while (!text.empty() && !is_edge(static_cast<unsigned char>(text.front()))) text.erase(0, 1);
    return text;
}

std::string job_name(const api::Meta& owner, std::int64_t attempt) {
    std::string name = owner.name.substr(0, kMaxNamePart);
    while (!name.empty() && (name.back() == '.' || name.back() == '-')) name.pop_back();
    for (char& c : name) c = c == '.' ? '-' : c;
    return fmt::format("{}-{}-{}", name, owner.uid.substr(0, 8), attempt);
}

std::string job_digest(const JobRequest& request) {
    auto spec = run_spec(request);
    spec.duration = {};  // What is left of timeouts.run differs from moment to moment.
    auto hash = base::fnv1a(contract::to_json(spec));
    hash = base::fnv1a(request.config.image, hash);
    for (const auto& mount : request.mounts) hash = base::fnv1a(mount.volume, hash);
    hash = base::fnv1a(pod_security(request.profile).dump(), hash);
    hash = base::fnv1a(request.profile.service_account, hash);
    hash = base::fnv1a(api::resources_json(request.profile.resources).dump(), hash);
    if (request.server) hash = base::fnv1a(server_container(*request.server).dump(), hash);
    return fmt::format("{:016x}", hash);
}

std::string build_job(const JobRequest& request) {
    const auto& owner = request.owner;
    const Json labels = labels_of(request);
    const Json annotations = annotations_of(request);
    const auto limit = std::chrono::ceil<std::chrono::seconds>(request.limit + kDeadlineGrace);
    const Json job{
        {"apiVersion", "batch/v1"},
        {"kind", "Job"},
        {"metadata",
         {{"name", job_name(owner.meta, request.attempt.number)},
          {"namespace", owner.meta.object_namespace},
          {"labels", labels},
          {"annotations", annotations},
          {"ownerReferences", Json::array({{{"apiVersion", api::api_version()},
                                            {"kind", owner.kind},
                                            {"name", owner.meta.name},
                                            {"uid", owner.meta.uid},
                                            {"controller", true},
                                            {"blockOwnerDeletion", true}}})}}},
        {"spec",
         {{"backoffLimit", 0},
          {"suspend", true},
          {"activeDeadlineSeconds", limit.count()},
          {"template",
           {{"metadata", {{"labels", labels}, {"annotations", annotations}}}, {"spec", pod_spec(request)}}}}}};
    return job.dump();
}

}  // namespace n4b::run
