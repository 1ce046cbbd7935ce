#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "operator/jobs/workload.hpp"
#include "operator/kube/client.hpp"
#include "operator/run/run_owner.hpp"

namespace n4b::jobs {

/// The events about attempts that start late, which tell what a Job or a pod waits for. Listing a namespace's events is
/// dear, so they are read seldom. Thread-safe.
class LateEvents {
public:
    explicit LateEvents(kube::Client& client) : client_(client) {}

    /// Those about the attempt's pod, or about its Job while there is no pod, oldest first. Empty: it is not late.
    std::vector<api::EventRecord> about(const run::RunOwner& owner, const run::Attempt& attempt, const Seen& seen,
                                        base::SystemTime now);
    /// The attempts of these Jobs are over.
    void forget(const std::vector<std::string>& job_uids);

private:
    struct Read {
        base::SystemTime at{};
        std::vector<api::EventRecord> events{};
    };

    kube::Client& client_;
    std::mutex mutex_{};                  ///< Guards read_.
    std::map<std::string, Read> read_{};  ///< By Job uid.
};

}  // namespace n4b::jobs
