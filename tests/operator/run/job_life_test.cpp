#include "operator/run/run_machine.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/operator/run/life.hpp"

namespace n4b::run {
namespace {

/// Until when a Job of a run stays whose only attempt recorded "job" as its uid.
std::optional<base::SystemTime> kept(const RunStatus& status, const api::Job& job,
                                     std::optional<api::ContainerState> runner = std::nullopt) {
    api::Pod pod{.runner = std::move(runner)};
    return keep_job_until(status, job, &pod);
}

constexpr base::SystemTime kAtOnce = base::SystemTime::min();

TEST(JobOfARun, StaysWhileItIsNeededAndAnHourForItsLog) {
    RunStatus status{.attempts = {{.job = "b-1", .job_uid = "job", .started = kCreated}}};
    const api::Job job{.meta = {.uid = "job"}};
    EXPECT_EQ(kept(status, job), std::nullopt);
    auto& attempt = status.attempts.back();
    attempt.ended = kCreated;
    attempt.reason = "SourceUnreachable";
    const auto hour = kCreated + std::chrono::hours(1);
    EXPECT_EQ(kept(status, {.meta = job.meta, .failed = true}), hour);
    EXPECT_EQ(kept(status, job, api::ContainerState{.terminated = true}), hour) << "not yet marked as failed";
    EXPECT_EQ(kept(status, job), kAtOnce) << "it could start late";
    EXPECT_EQ(kept(status, job, api::ContainerState{.running = true}), kAtOnce) << "it is lost";
    attempt.reason = "Completed";
    EXPECT_EQ(kept(status, {.meta = job.meta, .complete = true}), kAtOnce);
}

TEST(JobOfARun, ThatIsNotRecordedStaysOnlyWhileItMayBe) {
    const api::Job job{.meta = {.uid = "other"}, .suspended = true};
    RunStatus status;
    EXPECT_EQ(kept(status, job), std::nullopt);
    EXPECT_EQ(kept(status, {.meta = job.meta}), kAtOnce) << "nobody let it go";
    status.attempts = {{.job = "b-1", .job_uid = "job", .started = kCreated}};
    EXPECT_EQ(kept(status, job), kAtOnce) << "another one has its place";
    status.attempts.back().ended = kCreated;
    EXPECT_EQ(kept(status, job), std::nullopt);
    status.completed = kCreated;
    EXPECT_EQ(kept(status, job), kAtOnce);
}

TEST(JobOfARun, ThatWasOverBeforeItsAttemptEndedGoes) {
    const RunStatus status{.attempts = {{.job = "b-1", .job_uid = "job", .started = kCreated}}, .completed = kCreated};
    EXPECT_EQ(kept(status, {.meta = {.uid = "job"}}), kAtOnce)
        << "its status was refused, so the run ended without an end of its attempt";
}

TEST(Progress, ChangesSeldom) {
    const Progress before{.bytes = 1000, .files = 100, .rate = 5, .phase = "Copying", .observed = kCreated};
    const auto later = [&](auto change, seconds after = seconds(10)) {
        auto seen = before;
        seen.observed += after;
        change(seen);
        return next_progress(before, seen) == seen;
    };
    EXPECT_FALSE(later([](auto&) {}));
    EXPECT_FALSE(later([](auto& p) { p.bytes = 1009; }));
    EXPECT_TRUE(later([](auto& p) { p.bytes = 1010; }));
    EXPECT_FALSE(later([](auto& p) { p.bytes = 9000; }, seconds(9)));
    EXPECT_TRUE(later([](auto& p) { p.files = 101; }));
    EXPECT_TRUE(later([](auto& p) { p.phase = "Pulling"; }));
    EXPECT_TRUE(later([](auto& p) { p.rate = 0; })) << "a flow that has stopped must not look alive";
    EXPECT_EQ(next_progress(std::nullopt, before), before);
    EXPECT_EQ(next_progress(before, std::nullopt), before);
}

TEST(Progress, IsShownWhileAnAttemptRunsAndNoLonger) {
    Life life;
    const Progress seen{.bytes = 1, .phase = "Copying", .observed = kCreated};
    life.step();
    const auto running = run::step({.owner = life.owner,
                                    .status = life.status,
                                    .attempt = AttemptState{.phase = Phase::kRunning},
                                    .progress = seen,
                                    .now = life.now});
    EXPECT_EQ(running.status.progress, seen);
    life.status = running.status;
    EXPECT_FALSE(life.ends(Reason::kSourceUnreachable).status.progress);
}

}  // namespace
}  // namespace n4b::run
