#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.hpp"
#include "common/base/reason.hpp"
#include "operator/api/meta.hpp"

namespace n4b::base {
class JsonObject;
}

namespace n4b::run {

/// One Job of a run. The Job's uid is recorded before the Job is let go, and only a recorded uid is ever let go.
struct Attempt {
    std::int64_t number = 1;
    std::string job{};
    std::string job_uid{};
    bool look_up = false;  ///< It only looks for an artifact that an earlier attempt finished.
    base::SystemTime started{};
    std::optional<base::SystemTime> ended{};
    std::string reason{};
    std::string message{};
    bool operator==(const Attempt&) const = default;
};

/// How far a run is, as its runner told.
struct Progress {
    std::int64_t bytes = 0;
    std::int64_t files = 0;
    std::int64_t rate = 0;                      ///< Bytes per second.
    std::optional<std::int64_t> total_bytes{};  ///< A guess; absent: there is none.
    std::optional<std::chrono::seconds> remaining{};
    std::string phase{};
    base::SystemTime observed{};
    bool operator==(const Progress&) const = default;
};

/// What the run machine keeps in an object's status.
struct RunStatus {
    std::vector<Attempt> attempts{};  ///< The last 10, oldest first.
    std::int64_t first_attempt = 1;   ///< Number of the run's first attempt; a probe's later runs go on counting.
    std::optional<base::SystemTime> started{};
    std::optional<base::SystemTime> completed{};
    std::optional<Progress> progress{};  ///< Only while an attempt runs.
    bool operator==(const RunStatus&) const = default;

    [[nodiscard]] bool finished() const { return completed.has_value(); }
};

/// The attempt that has not ended, or null.
const Attempt* open_attempt(const RunStatus& status);

/// The number of the attempt that comes next, whatever it is to do.
std::int64_t next_number(const RunStatus& status);

/// Reads and writes these members of a status: attempts, firstAttempt, startTime, completionTime, progress. What is not
/// set is written as null, which removes it in a merge patch.
RunStatus read_run_status(base::JsonObject& status);
void write_run_status(nlohmann::json& status, const RunStatus& run);

/// How a run stands as a whole.
struct Verdict {
    enum class Outcome { kUnknown, kSucceeded, kFailed, kSkipped } outcome = Outcome::kUnknown;
    base::Reason reason = base::Reason::kPending;
    std::string message{};
    bool operator==(const Verdict&) const = default;
};

/// When something is written, and of which generation of the object.
struct Stamp {
    base::SystemTime now{};
    std::int64_t generation = 0;
};

/// The longest message of a condition or attempt that is written.
inline constexpr std::size_t kMaxMessage = 1000;

/// Whether two messages of a server differ in hexadecimal digits at most: such a message may hold a port, an address or
/// an id that is another one each time.
bool tell_the_same(std::string one, std::string other);

/// The conditions of a kind whose objects are one run each: Succeeded and Finished, and what kstatus reads. A skipped
/// run is no failure that somebody must look at, so it doesn't stall.
void set_verdict(std::vector<api::Condition>& conditions, const Verdict& verdict, const Stamp& stamp);

/// How a run stands as those conditions tell.
Verdict verdict_of(const std::vector<api::Condition>& conditions);
/// Where the API server refused all of a status but its conditions, they alone tell that the run has ended: completes
/// `run` from them.
void complete_from(const std::vector<api::Condition>& conditions, RunStatus& run);

/// The JSON of a status with nothing but its conditions.
std::string conditions_json(std::int64_t observed_generation, const std::vector<api::Condition>& conditions);

/// Sets one condition with a reason of our list and a message that is cut to fit.
void set_condition(std::vector<api::Condition>& conditions, const Stamp& stamp, std::string type, std::string status,
                   base::Reason reason, const std::string& message);

}  // namespace n4b::run
