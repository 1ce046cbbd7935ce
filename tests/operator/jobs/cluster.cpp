#include "tests/operator/jobs/cluster.hpp"

#include <algorithm>

#include "common/base/rfc3339.hpp"
#include "common/contract/run_report.hpp"
#include "operator/run/job_builder.hpp"

namespace n4b::jobs {
namespace {

using nlohmann::json;

std::string uid_of(const std::string& name) {
    return name + "-uid-of-the-object";
}

std::string controller_of(const json& object) {
    const auto owners = object.value("/metadata/ownerReferences"_json_pointer, json::array());
    for (const auto& owner : owners) {
        if (owner.value("controller", false)) return owner.value("uid", "");
    }
    return {};
}

bool has_ended(const json& job) {
    const auto conditions = job.value("/status/conditions"_json_pointer, json::array());
    return std::any_of(conditions.begin(), conditions.end(), [](const auto& condition) {
        return condition.at("type") == "Complete" || condition.at("type") == "Failed";
    });
}

bool works(const json& pod) {
    const auto phase = pod.value("/status/phase"_json_pointer, "");
    const auto containers = pod.value("/status/containerStatuses"_json_pointer, json::array());
    const bool ended = !containers.empty() && containers[0].at("state").contains("terminated");
    return phase != "Succeeded" && phase != "Failed" && !ended;
}

}  // namespace

std::string owner_path(const std::string& name) {
    return std::string(kOwners) + "/" + name;
}

Cluster::Cluster() {
    api.after = [this](const http::Request& request, int status) {
        const bool lets_go = request.method == "PATCH" && request.path.starts_with(kJobs) &&
                             request.body.find("suspend") != std::string::npos;
        if (lets_go && status == 200) look_at_let_go(request.path);
    };
}

void Cluster::look_at_let_go(const std::string& path) {
    const auto job = api.get(path);
    const auto uid = job.at("metadata").at("uid").get<std::string>();
    const auto owner_uid = controller_of(job);
    const auto attempt = job.at("metadata").at("labels").at("neo4jbackup.dev/attempt").get<std::string>();
    bool recorded = true;  // Where the object is gone: the garbage collector is about to take the Job.
    for (const auto& each : api.paths_in(kOwners)) {
        const auto owner = api.get(each);
        if (owner.at("metadata").at("uid") != owner_uid) continue;
        const auto known = owner.value("/status/attempts"_json_pointer, json::array());
        recorded = std::any_of(known.begin(), known.end(),
                               [&](const auto& each_attempt) { return each_attempt.value("jobUID", "") == uid; });
    }
    if (!recorded) violations.push_back(path + " was let go, but no status records it");
    auto& jobs = let_go_[owner_uid + "/" + attempt];
    jobs.insert(uid);
    if (jobs.size() > 1) violations.push_back(path + " is the second Job that was let go for its attempt");
    look_at_others(path, owner_uid);
}

void Cluster::look_at_others(const std::string& path, const std::string& owner_uid) {
    for (const auto& other : api.paths_in(kJobs)) {
        const auto job = api.get(other);
        if (other == path || controller_of(job) != owner_uid) continue;
        const auto uid = job.at("metadata").at("uid");
        const auto pods = api.paths_in(kPods);
        const bool pod_ended = std::any_of(pods.begin(), pods.end(), [&](const auto& each) {
            return controller_of(api.get(each)) == uid && !works(api.get(each));
        });
        if (!job.at("spec").value("suspend", false) && !has_ended(job) && !pod_ended) {
            violations.push_back(path + " was let go while " + other + " is alive");
        }
    }
    for (const auto& each : api.paths_in(kPods)) {
        const auto pod = api.get(each);
        const bool ours =
            pod.value("/metadata/labels"_json_pointer, json::object()).value("neo4jbackup.dev/owner-uid", "") ==
            owner_uid;
        const bool of_this_job = controller_of(pod) == api.get(path).at("metadata").at("uid");
        const bool forged = pod.at("metadata").value("/annotations/forged"_json_pointer, false);
        if (ours && works(pod) && !of_this_job && !forged && !pod.at("metadata").contains("deletionTimestamp")) {
            violations.push_back(path + " was let go while " + each + " lives");
        }
    }
}

void Cluster::add_owner(const std::string& name, const std::string& source, const std::string& claim) {
    api.put(owner_path(name), {{"metadata",
                                {{"name", name},
                                 {"namespace", "db"},
                                 {"uid", uid_of(name)},
                                 {"generation", 1},
                                 {"creationTimestamp", base::format_rfc3339(clock.now)}}},
                               {"spec", {{"source", source}, {"claim", claim}, {"retry", {{"limit", 0}}}}}});
}

void Cluster::collect_garbage() {
    std::set<std::string> uids;
    for (const auto& [path, text] : api.objects) uids.insert(json::parse(text).at("metadata").at("uid"));
    for (const char* collection : {kJobs, kPods}) {
        for (const auto& path : api.paths_in(collection)) {
            const auto object = api.get(path);
            const auto controller = controller_of(object);
            if (controller.empty() || uids.contains(controller)) continue;
            if (object.at("metadata").contains("deletionTimestamp")) continue;
            uids.erase(object.at("metadata").at("uid"));
            api.objects.erase(path);
        }
    }
}

std::string Cluster::condition(const std::string& name, const std::string& type) const {
    for (const auto& each : owner(name).value("/status/conditions"_json_pointer, json::array())) {
        if (each.at("type") == type) {
            return each.at("status").get<std::string>() + "/" + each.at("reason").get<std::string>();
        }
    }
    return "none";
}

std::string Cluster::message(const std::string& name) const {
    const auto conditions = owner(name).value("/status/conditions"_json_pointer, json::array());
    return conditions.empty() ? std::string() : conditions[0].at("message").get<std::string>();
}

json Cluster::attempts(const std::string& name) const {
    return owner(name).value("/status/attempts"_json_pointer, json::array());
}

std::string Cluster::job_path(const std::string& name, int attempt) {
    return std::string(kJobs) + "/" + run::job_name({.name = name, .uid = uid_of(name)}, attempt);
}

bool Cluster::is_let_go(const std::string& name, int attempt) const {
    const auto job = api.get(job_path(name, attempt));
    return !job.is_null() && job.at("spec").at("suspend") == false;
}

void Cluster::job_ends(const std::string& name, int attempt, const std::string& type, const std::string& reason) {
    api.change(job_path(name, attempt), [&](json& job) {
        job["status"]["conditions"] = json::array({{{"type", type}, {"status", "True"}, {"reason", reason}}});
    });
}

std::string Cluster::pod_path(const std::string& name, int attempt) {
    return std::string(kPods) + "/" + job_path(name, attempt).substr(std::string(kJobs).size() + 1) + "-x";
}

void Cluster::pod_comes(const std::string& name, int attempt) {
    const auto job = api.get(job_path(name, attempt));
    const auto& made_from = job.at("spec").at("template").at("metadata");
    api.put(pod_path(name, attempt),
            {{"metadata",
              {{"namespace", "db"},
               {"labels", made_from.at("labels")},
               {"annotations", made_from.at("annotations")},
               {"creationTimestamp", base::format_rfc3339(clock.now)},
               {"ownerReferences",
                json::array({{{"kind", "Job"}, {"uid", job.at("metadata").at("uid")}, {"controller", true}}})}}},
             {"status", {{"phase", "Pending"}}}});
}

void Cluster::pod_runs(const std::string& name, int attempt) {
    if (!has_pod(name, attempt)) pod_comes(name, attempt);
    api.change(pod_path(name, attempt), [](json& pod) {
        pod["status"]["phase"] = "Running";
        pod["status"]["containerStatuses"] =
            json::array({{{"name", "runner"}, {"state", {{"running", json::object()}}}}});
    });
}

void Cluster::runner_ends(const std::string& name, int attempt, base::Reason reason, Pod how) {
    if (!has_pod(name, attempt)) pod_comes(name, attempt);
    contract::RunReport report{
        .reason = reason, .message = "told", .run_uid = owner(name).at("metadata").at("uid"), .attempt = attempt};
    if (reason == base::Reason::kCompleted) report.artifact.emplace().database = "graph.db";
    api.change(pod_path(name, attempt), [&](json& pod) {
        pod["status"]["phase"] = "Running";
        pod["status"]["containerStatuses"] =
            json::array({{{"name", "runner"},
                          {"state", {{"terminated", {{"exitCode", 20}, {"message", contract::to_json(report)}}}}}}});
    });
    if (how == Pod::kEnds) pod_ends(name, attempt);
}

void Cluster::pod_ends(const std::string& name, int attempt) {
    api.change(pod_path(name, attempt), [](json& pod) { pod["status"]["phase"] = "Failed"; });
}

void Cluster::node_is_silent(const std::string& name, int attempt, base::SystemTime since) {
    api.change(pod_path(name, attempt),
               [&](json& pod) { pod["metadata"]["deletionTimestamp"] = base::format_rfc3339(since); });
}

}  // namespace n4b::jobs
