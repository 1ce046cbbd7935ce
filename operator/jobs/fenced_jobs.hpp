#pragma once

#include <optional>
#include <string>

#include "common/base/result.hpp"
#include "operator/jobs/run.hpp"
#include "operator/kube/client.hpp"
#include "operator/run/job_builder.hpp"

namespace n4b::jobs {

/// Whether the status names the Job in one of its attempts.
bool is_recorded_in(const run::RunStatus& status, const std::string& job_uid);

/// Makes, lets go and takes back the Jobs of attempts in the order that is safe when the operator dies in between, or
/// when another operator does the same:
///   1. make(): the Job is made suspended, under a name that follows from run and attempt;
///   2. the caller writes the status, which names the Job's uid, with the resourceVersion that was read;
///   3. let_go(): a patch that tests that uid lets the Job go.
/// Only a recorded Job ever runs a pod, and whoever loses the status write takes back the Job that it made.
/// Thread-safe.
class FencedJobs {
public:
    explicit FencedJobs(kube::Client& client) : client_(client) {}

    /// Why an attempt ends whose Job can't be made, now or later.
    struct Refusal {
        base::Reason reason{};
        std::string message{};
    };
    struct Made {
        std::string job{};
        std::string uid{};
        bool is_new = false;               ///< By this call: take_back() removes it.
        std::optional<Refusal> refusal{};  ///< Then there is no uid.
    };
    /// Makes the Job, or adopts the one that an earlier life of the operator, or another operator at this moment, made
    /// under its name and did not record. With `late` there is no time to try again, so every error of the API server
    /// is a refusal. Errors: those of the API server that pass; Conflict when the Job there is recorded already;
    /// Unavailable while one with other settings is being removed.
    base::Result<Made> make(const Run& run, const run::JobRequest& request, const std::string& job, bool late);
    /// The Job that the status records gets its pod. No error when it is gone or another Job has its name: the next
    /// look at the attempt sees that.
    base::Result<void> let_go(const Run& run, const run::Attempt& attempt);
    /// Removes a Job that was made for a status that could not be written, unless another operator has recorded it
    /// meanwhile.
    void take_back(const Run& run, const Made& made);
    /// Whether the object as the API server has it now names the Job. An object that is gone, or was made anew,
    /// doesn't.
    base::Result<bool> is_recorded(const Run& run, const std::string& job_uid);

private:
    base::Result<Made> adopt(const Run& run, const run::JobRequest& request, const std::string& job);

    kube::Client& client_;
};

}  // namespace n4b::jobs
