#include "operator/jobs/fenced_jobs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/base/json_object.hpp"
#include "operator/jobs/workload.hpp"
#include "operator/telemetry/log.hpp"

namespace n4b::jobs {

using base::ErrorCode;
using base::Json;
using base::Reason;
using base::Result;

bool is_recorded_in(const run::RunStatus& status, const std::string& job_uid) {
    return std::any_of(status.attempts.begin(), status.attempts.end(),
                       [&](const auto& attempt) { return attempt.job_uid == job_uid; });
}

Result<FencedJobs::Made> FencedJobs::make(const Run& run, const run::JobRequest& request, const std::string& job,
                                          bool late) {
    Made made{.job = job};
    const auto created =
        client_.create(kube::collection_path("/apis/batch/v1", run.owner.meta.object_namespace, "jobs"),
                       run::build_job(request), [&](const Json& json) {
                           if (const auto parsed = api::parse_job(json)) made.uid = parsed->meta.uid;
                       });
    if (created && made.uid.empty()) return base::fail(ErrorCode::kInternal, "the API server made a Job without a uid");
    if (created) {
        made.is_new = true;
        return made;
    }
    const auto code = created.error().code;
    if (code == ErrorCode::kAlreadyExists) return adopt(run, request, job);
    // Permissions that are being repaired (403) pass, and so does a busy server; what is invalid stays so.
    if (code != ErrorCode::kInvalid && !late) return base::fail(created.error());
    made.refusal = Refusal{Reason::kPodRejected, created.error().message};
    return made;
}

Result<FencedJobs::Made> FencedJobs::adopt(const Run& run, const run::JobRequest& request, const std::string& job) {
    const auto path = job_path(run.owner.meta, job);
    Result<api::Job> live = base::fail(ErrorCode::kInternal, "no object");
    N4B_TRY_VOID(client_.get(path, [&](const auto& json) { live = api::parse_job(json); }));
    if (!live) return base::fail(live.error());
    if (live->meta.controller_uid != run.owner.meta.uid) {
        return Made{.job = job,
                    .refusal = Refusal{Reason::kJobConflict, fmt::format("a Job {} exists that is not ours", job)}};
    }
    // After a start the store lags behind: an object in it may not name the attempt that this Job already works for.
    N4B_TRY(const bool recorded, is_recorded(run, live->meta.uid));
    if (recorded) return base::fail(ErrorCode::kConflict, fmt::format("Job {} is recorded already", job));
    // With the same settings it is as good as a new one.
    if (!live->suspended || live->meta.deleted || live->meta.digest != run::job_digest(request)) {
        // Nobody may have recorded it and let it go since it was read.
        N4B_TRY_VOID(client_.remove(path, live->meta.uid, live->meta.resource_version));
        return base::fail(ErrorCode::kUnavailable,
                          fmt::format("Job {} was made with other settings and is being removed", job));
    }
    return Made{.job = job, .uid = live->meta.uid};
}

Result<void> FencedJobs::let_go(const Run& run, const run::Attempt& attempt) {
    const Json patch = Json::array({{{"op", "test"}, {"path", "/metadata/uid"}, {"value", attempt.job_uid}},
                                    {{"op", "replace"}, {"path", "/spec/suspend"}, {"value", false}}});
    const auto done = client_.json_patch(job_path(run.owner.meta, attempt.job), patch.dump());
    if (done) {
        telemetry::info("started an attempt", {{"kind", run.owner.kind},
                                               {"object", run.owner.meta.key()},
                                               {"job", attempt.job},
                                               {"jobUID", attempt.job_uid}});
        return {};
    }
    const auto code = done.error().code;
    if (code == ErrorCode::kNotFound || code == ErrorCode::kConflict) return {};
    return base::fail(done.error());
}

void FencedJobs::take_back(const Run& run, const Made& made) {
    if (!made.is_new) return;
    const auto recorded = is_recorded(run, made.uid);
    if (!recorded || *recorded) return;
    const auto removed = client_.remove(job_path(run.owner.meta, made.job), made.uid);
    if (!removed) telemetry::warn("a Job that was not recorded stays suspended", {{"job", made.job}});
}

Result<bool> FencedJobs::is_recorded(const Run& run, const std::string& job_uid) {
    Result<run::RunStatus> status{};
    const auto got = client_.get(run.path, [&](const Json& json) { status = run.read(json); });
    if (!got && got.error().code == ErrorCode::kNotFound) return false;
    if (!got) return base::fail(got.error());
    if (!status) return base::fail(status.error());
    return is_recorded_in(*status, job_uid);
}

}  // namespace n4b::jobs
