#include "operator/plan/backup_plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "operator/plan/job_builder.hpp"

namespace n4b::plan {
namespace {

using base::Reason;
using std::chrono::seconds;
using Phase = AttemptState::Phase;

const base::SystemTime kCreated{seconds(1'790'000'000)};

/// A backup that lives: each step plans, and takes the planned status over.
struct Life {
    api::Backup backup{};
    base::SystemTime now = kCreated + seconds(1);
    BackupPlan plan{};

    Life() {
        backup.meta = {
            .object_namespace = "db", .name = "b", .uid = "0123456789ab", .generation = 1, .created = kCreated};
        backup.spec.retry_limit = 1;
        backup.spec.retry_backoff = seconds(10);
    }
    Life& step(std::optional<AttemptState> attempt = std::nullopt, Gate gate = Gate::kOpen) {
        plan = plan_backup(
            {.backup = backup, .attempt = std::move(attempt), .gate = gate, .gate_message = "gate", .now = now});
        backup.status = plan.status;
        return *this;
    }
    Life& ends(Reason reason) { return step(AttemptState{.phase = Phase::kEnded, .reason = reason, .message = "why"}); }
    Life& completes() {
        contract::RunReport report{.reason = Reason::kCompleted};
        report.adopted = backup.status.attempts.back().look_up;
        report.artifact.emplace();
        return step(AttemptState{.phase = Phase::kEnded, .reason = Reason::kCompleted, .report = report});
    }
    [[nodiscard]] std::string verdict() const {
        const auto* c = api::find_condition(backup.status.conditions, "Succeeded");
        return c == nullptr ? "none" : c->status + "/" + c->reason;
    }
    [[nodiscard]] std::string condition(const char* type) const {
        const auto* c = api::find_condition(backup.status.conditions, type);
        return c == nullptr ? "none" : c->status + "/" + c->reason;
    }
    [[nodiscard]] bool warned(Reason reason) const {
        return std::any_of(plan.events.begin(), plan.events.end(),
                           [&](const auto& e) { return e.warning && e.reason == to_string(reason); });
    }
    [[nodiscard]] std::string message() const {
        return api::find_condition(backup.status.conditions, "Succeeded")->message;
    }
    [[nodiscard]] std::string stalled() const {
        return api::find_condition(backup.status.conditions, "Stalled")->status;
    }
};

TEST(BackupPlan, StartsRunsAndSucceeds) {
    Life life;
    life.step();
    ASSERT_TRUE(life.plan.start);
    EXPECT_EQ(life.backup.status.attempts.back().job, "b-01234567-1");
    EXPECT_EQ(life.verdict(), "Unknown/Pending");
    life.step(AttemptState{.phase = Phase::kRunning, .reason = Reason::kRunning});
    EXPECT_FALSE(life.plan.start);
    EXPECT_EQ(life.verdict(), "Unknown/Running");
    life.completes();
    EXPECT_EQ(life.verdict(), "True/Completed");
    EXPECT_EQ(life.stalled(), "False");
    EXPECT_EQ(life.plan.cleanup, JobCleanup::kNone) << "a Job goes only after the result is stored";
    life.step();
    EXPECT_EQ(life.plan.cleanup, JobCleanup::kAll);
}

TEST(BackupPlan, WaitsForTheBackoffAndThenTriesAgain) {
    Life life;
    life.step().ends(Reason::kSourceUnreachable);
    EXPECT_EQ(life.verdict(), "Unknown/Retrying");
    life.now += seconds(9);
    EXPECT_FALSE(life.step().plan.start);
    life.now += seconds(3);  // At most 20 % are added.
    life.step();
    ASSERT_TRUE(life.plan.start);
    EXPECT_EQ(life.plan.start->number, 2);
    life.ends(Reason::kSourceUnreachable);
    EXPECT_EQ(life.verdict(), "False/SourceUnreachable");
    EXPECT_EQ(life.stalled(), "True");
}

TEST(BackupPlan, SpreadsTheRetriesOfBackupsThatFailedTogether) {
    std::set<std::chrono::milliseconds> waits;
    for (int i = 0; i < 20; ++i) {
        Life life;
        life.backup.meta.uid = "uid-" + std::to_string(i);
        life.step().ends(Reason::kSourceUnreachable);
        const auto wait = *life.plan.requeue;
        EXPECT_GE(wait, seconds(10));
        EXPECT_LE(wait, seconds(12));
        EXPECT_EQ(*life.step().plan.requeue, wait) << "looking again does not move it";
        waits.insert(wait);
    }
    EXPECT_GT(waits.size(), 15U);
}

TEST(BackupPlan, DoesNotRetryWhatWouldEndAlike) {
    for (const auto reason : {Reason::kNotCatchupServer, Reason::kSourceIdentityChanged, Reason::kInvalidRunSpec}) {
        Life life;
        life.step().ends(reason);
        EXPECT_EQ(life.verdict(), "False/" + std::string(to_string(reason)));
    }
}

TEST(BackupPlan, LooksUpOnceWhenTheLastAttemptCouldNotSpeak) {
    for (const auto reason :
         {Reason::kNoReport, Reason::kOutOfMemory, Reason::kEvicted, Reason::kJobDeleted, Reason::kLost,
          Reason::kStorageUnavailable, Reason::kStorageFull, Reason::kStorageReadOnly, Reason::kStoragePermission}) {
        Life life;
        life.backup.spec.retry_limit = 0;
        life.step().ends(reason);
        EXPECT_EQ(life.verdict(), "Unknown/Retrying");
        life.step();
        ASSERT_TRUE(life.plan.start);
        EXPECT_TRUE(life.plan.start->look_up);
        Life found = life;
        life.ends(Reason::kArtifactNotFound);
        EXPECT_EQ(life.verdict(), "False/" + std::string(to_string(reason)))
            << "the attempt's own reason is the result";
        EXPECT_EQ(found.completes().verdict(), "True/Completed");
    }
}

TEST(BackupPlan, LooksAgainWhenALookUpCouldNotButNotForEver) {
    for (const auto reason :
         {Reason::kEvicted, Reason::kPodLost, Reason::kStorageUnavailable, Reason::kUnschedulable}) {
        Life life;
        life.backup.spec.retry_limit = 0;
        life.step().ends(Reason::kNoReport);
        for (int look_up = 1; look_up <= 3; ++look_up) {
            ASSERT_TRUE(life.step().plan.start) << to_string(reason) << ", look-up " << look_up;
            EXPECT_TRUE(life.plan.start->look_up);
            Life found = life;
            EXPECT_EQ(found.completes().verdict(), "True/Completed");
            Life none = life;
            EXPECT_EQ(none.ends(Reason::kArtifactNotFound).verdict(), "False/NoReport");
            life.ends(reason);
            life.now += std::chrono::minutes(1);
        }
        EXPECT_EQ(life.step().verdict(), "False/NoReport");
        EXPECT_THAT(life.message(), testing::HasSubstr("whether it finished an artifact is unknown: " +
                                                       std::string(to_string(reason)) + ": why"));
    }
}

TEST(BackupPlan, LooksAgainSoonHoweverOftenItHadCopied) {
    Life life;
    life.backup.spec.retry_limit = 20;
    life.backup.spec.deadline = std::chrono::hours(8000);
    for (int i = 0; i < 21; ++i) {
        life.step().ends(Reason::kPodLost);
        life.now += std::chrono::hours(8);
    }
    ASSERT_TRUE(life.step().plan.start->look_up);
    EXPECT_LE(*life.ends(Reason::kEvicted).plan.requeue, seconds(12));
    life.now += seconds(12);
    ASSERT_TRUE(life.step().plan.start->look_up);
    EXPECT_LE(*life.ends(Reason::kEvicted).plan.requeue, seconds(24));
}

TEST(BackupPlan, LooksAfterADamagedRepositoryFileButNotAfterADamagedArtifact) {
    Life life;
    life.step().ends(Reason::kPodLost);
    life.now += seconds(15);
    life.step().ends(Reason::kArtifactDamaged);
    EXPECT_EQ(life.verdict(), "Unknown/Retrying") << "the attempt may not have come to its own look-up";
    ASSERT_TRUE(life.step().plan.start->look_up);
    EXPECT_EQ(life.ends(Reason::kArtifactDamaged).verdict(), "False/ArtifactDamaged");
}

TEST(BackupPlan, SaysWhenItGivesUpOnALookUpThatCannotBeMade) {
    Life life;
    life.backup.spec.retry_limit = 0;
    EXPECT_FALSE(life.step().plan.give_up) << "a copy waits for its run's deadline";
    life.ends(Reason::kNoReport);
    const auto due = life.now;
    EXPECT_EQ(life.step().plan.give_up, due + life.backup.spec.start_timeout);
}

TEST(BackupPlan, DoesNotLookAgainWhereNothingWouldChange) {
    for (const auto reason : {Reason::kArtifactDamaged, Reason::kArtifactNotSupported, Reason::kInvalidRunSpec}) {
        Life life;
        life.backup.spec.retry_limit = 0;
        life.step().ends(Reason::kNoReport).step();
        EXPECT_EQ(life.ends(reason).verdict(), "False/NoReport") << to_string(reason);
    }
}

TEST(BackupPlan, ALookUpWaitsAtAClosedGateOnlyForStartTimeout) {
    for (const auto gate : {Gate::kStorageNotFound, Gate::kClaimNotFound, Gate::kNoEndpoints, Gate::kQueued}) {
        Life life;
        life.backup.spec.retry_limit = 0;
        life.step().ends(Reason::kNoReport);
        life.now += life.backup.spec.start_timeout;
        life.step(std::nullopt, gate);
        EXPECT_EQ(life.verdict().substr(0, 8), "Unknown/");
        life.now += seconds(1);
        life.step(std::nullopt, gate);
        EXPECT_EQ(life.verdict(), "False/NoReport") << "a slot must not be held for ever";
        EXPECT_THAT(life.message(), testing::HasSubstr("why; could not look for a finished artifact: "));
        EXPECT_THAT(life.message(), testing::HasSubstr(": gate."));
    }
}

TEST(BackupPlan, ShowsEachGateAndSaysItOnce) {
    const std::pair<Gate, const char*> cases[] = {{Gate::kStorageNotFound, "StorageNotFound"},
                                                  {Gate::kClaimNotFound, "StorageNotReady"},
                                                  {Gate::kNoEndpoints, "ServiceHasNoEndpoints"},
                                                  {Gate::kQueued, "Queued"}};
    for (const auto& [gate, reason] : cases) {
        Life life;
        life.step(std::nullopt, gate);
        EXPECT_EQ(life.verdict(), std::string("Unknown/") + reason);
        EXPECT_EQ(life.plan.events.size(), 1U);
        EXPECT_FALSE(life.plan.start);
        const auto before = life.backup.status;
        EXPECT_TRUE(life.step(std::nullopt, gate).plan.events.empty());
        EXPECT_EQ(life.backup.status, before) << "an unchanged status is not written again";
    }
}

TEST(BackupPlan, RecordsAJobThatIsThereWhateverGatesAndDeadlinesSay) {
    for (const bool look_up : {false, true}) {
        Life life;
        life.now = kCreated + life.backup.spec.start_deadline + seconds(1);
        life.plan = plan_backup({.backup = life.backup,
                                 .gate = Gate::kStorageNotFound,
                                 .unrecorded = StartAttempt{.number = 1, .look_up = look_up},
                                 .now = life.now});
        life.backup.status = life.plan.status;
        EXPECT_FALSE(life.plan.start) << "there is nothing to create";
        EXPECT_EQ(life.verdict(), "Unknown/Pending");
        ASSERT_NE(open_attempt(life.backup.status), nullptr);
        EXPECT_EQ(life.backup.status.attempts.back().look_up, look_up);
        EXPECT_EQ(life.backup.status.started, life.now);
        EXPECT_EQ(life.completes().verdict(), "True/Completed");
    }
}

TEST(BackupPlan, KeepsTheJobOfTheNextAttemptUntilTheEnd) {
    Life life;
    EXPECT_EQ(job_to_keep(life.backup), "b-01234567-1");
    life.step();
    EXPECT_EQ(job_to_keep(life.backup), "b-01234567-1");
    life.ends(Reason::kSourceUnreachable);
    EXPECT_EQ(job_to_keep(life.backup), "b-01234567-2");
    life.now += seconds(15);
    EXPECT_EQ(job_to_keep(life.step().ends(Reason::kNotCatchupServer).backup), "");
}

TEST(BackupPlan, SkipsAnObjectThatIsTooOldToStart) {
    Life life;
    life.now = kCreated + life.backup.spec.start_deadline + seconds(1);
    EXPECT_FALSE(wanted_attempt(life.backup, life.now));
    EXPECT_EQ(life.step().verdict(), "False/StartDeadlineExceeded");
}

TEST(BackupPlan, EndsAtTheDeadlineOfTheRun) {
    Life life;
    life.backup.spec.deadline = seconds(5);
    life.step().ends(Reason::kSourceUnreachable);
    EXPECT_EQ(life.verdict(), "False/DeadlineExceeded");
}

TEST(BackupPlan, StartsNoAttemptAfterTheDeadlineButStillLooks) {
    Life late;
    late.backup.spec.deadline = std::chrono::minutes(1);
    late.step().ends(Reason::kSourceUnreachable);
    late.now += std::chrono::hours(1);  // The operator was away.
    EXPECT_EQ(late.step().verdict(), "False/DeadlineExceeded");
    Life silent;
    silent.backup.spec.retry_limit = 0;
    silent.backup.spec.deadline = std::chrono::minutes(1);
    silent.step().ends(Reason::kNoReport);
    silent.now += std::chrono::hours(1);
    silent.step();
    ASSERT_TRUE(silent.plan.start);
    EXPECT_TRUE(silent.plan.start->look_up);
}

TEST(BackupPlan, NeverChangesAVerdict) {
    Life life;
    life.step().ends(Reason::kNotCatchupServer);
    const auto before = life.backup.status;
    life.now += std::chrono::hours(2);
    EXPECT_EQ(life.step().backup.status, before);
    EXPECT_EQ(life.plan.cleanup, JobCleanup::kAll);
}

TEST(BackupPlan, LeavesADeletedObjectAlone) {
    Life life;
    life.backup.meta.deleted = life.now;
    life.step();
    EXPECT_FALSE(life.plan.start);
    EXPECT_TRUE(life.plan.events.empty());
}

TEST(BackupPlan, KeepsTheLastTenAttempts) {
    Life life;
    life.backup.spec.retry_limit = 20;
    life.backup.spec.deadline = std::chrono::hours(8000);
    for (int i = 0; i < 14; ++i) {
        life.step().ends(Reason::kSourceUnreachable);
        life.now += std::chrono::hours(7);
    }
    EXPECT_EQ(life.backup.status.attempts.size(), 10U);
    EXPECT_EQ(life.backup.status.attempts.back().number, 14);
}

TEST(BackupPlan, LooksBeforeItFailsWhenAnEarlierAttemptMayHaveFinished) {
    for (const auto last : {Reason::kUnschedulable, Reason::kStartTimeout, Reason::kImageNotPullable,
                            Reason::kJobConflict, Reason::kStorageUnavailable, Reason::kInvalidRunSpec}) {
        Life life;
        life.step().ends(Reason::kPodLost);
        life.now += seconds(15);
        life.step().ends(last);
        EXPECT_EQ(life.verdict(), "Unknown/Retrying") << to_string(last);
        life.step();
        ASSERT_TRUE(life.plan.start);
        EXPECT_TRUE(life.plan.start->look_up);
        Life found = life;
        EXPECT_EQ(life.ends(Reason::kArtifactNotFound).verdict(), "False/" + std::string(to_string(last)));
        EXPECT_EQ(found.completes().verdict(), "True/Completed");
    }
}

TEST(BackupPlan, DoesNotLookAgainAfterAnAttemptThatLooked) {
    for (const auto last : {Reason::kSourceUnreachable, Reason::kCopyInconsistent, Reason::kServerNameMismatch}) {
        Life life;
        life.step().ends(Reason::kPodLost);
        life.now += seconds(15);
        EXPECT_EQ(life.step().ends(last).verdict(), "False/" + std::string(to_string(last)));
    }
}

TEST(BackupPlan, LooksBeforeItFailsAtTheDeadline) {
    Life life;
    life.backup.spec.deadline = std::chrono::hours(1);
    life.step().ends(Reason::kPodLost);
    life.now += seconds(15);
    EXPECT_EQ(life.step(std::nullopt, Gate::kNoEndpoints).verdict(), "Unknown/ServiceHasNoEndpoints");
    life.now += std::chrono::hours(2);
    const auto wanted = wanted_attempt(life.backup, life.now);
    ASSERT_TRUE(wanted);
    EXPECT_TRUE(wanted->look_up);
    life.step();
    ASSERT_TRUE(life.plan.start);
    EXPECT_TRUE(life.plan.start->look_up);
    EXPECT_EQ(life.ends(Reason::kArtifactNotFound).verdict(), "False/DeadlineExceeded");
    EXPECT_THAT(life.message(), testing::HasSubstr("the last one: PodLost: why"));
}

TEST(BackupPlan, ForgetsNoAttemptThatMayHaveFinishedBeforeOneHasLooked) {
    Life life;
    life.backup.spec.retry_limit = 20;
    life.backup.spec.deadline = std::chrono::hours(8000);
    for (int i = 0; i < 14; ++i) {
        life.step().ends(i == 0 ? Reason::kPodLost : Reason::kUnschedulable);
        life.now += std::chrono::hours(7);
    }
    EXPECT_EQ(life.backup.status.attempts.size(), 10U);
    EXPECT_EQ(life.backup.status.attempts.front().reason, "PodLost");
    EXPECT_EQ(life.backup.status.attempts[1].number, 6);
}

TEST(SourceTrust, WarnsOnceOfClearText) {
    Life life;
    life.step();
    EXPECT_EQ(life.condition("SourceAuthenticated"), "False/ClearText");
    EXPECT_EQ(life.condition("SourceGuarded"), "False/ClearText");
    EXPECT_TRUE(life.warned(Reason::kClearText));
    life.ends(Reason::kSourceUnreachable);
    life.now += seconds(60);
    life.step();
    ASSERT_TRUE(life.plan.start);
    EXPECT_FALSE(life.warned(Reason::kClearText)) << "one warning a backup, not one an attempt";
}

TEST(SourceTrust, TellsWhatTheCopyShowed) {
    struct Case {
        contract::TlsVerification verification;
        bool demanded;
        std::string authenticated, guarded;
    };
    for (const auto& c :
         {Case{contract::TlsVerification::kFull, true, "True/Verified", "True/ClientCertificateDemanded"},
          Case{contract::TlsVerification::kChain, false, "True/Verified", "False/NoClientCertificateDemanded"},
          Case{contract::TlsVerification::kNone, true, "False/NotVerified", "True/ClientCertificateDemanded"}}) {
        Life life;
        life.backup.spec.tls = api::SourceTls{.secret = "s", .verification = c.verification};
        life.step();
        EXPECT_EQ(life.warned(Reason::kNotVerified), c.verification == contract::TlsVerification::kNone);
        contract::RunReport report{.reason = Reason::kCompleted};
        report.artifact.emplace();
        report.tls = contract::TlsReport{.version = "TLSv1.2",
                                         .client_certificate_requested = c.demanded,
                                         .certificate_expires = life.now + std::chrono::hours(24 * 20),
                                         .server_certificate_expires = life.now + std::chrono::hours(24 * 22)};
        life.step(AttemptState{.phase = Phase::kEnded, .reason = Reason::kCompleted, .report = report});
        EXPECT_EQ(life.condition("SourceAuthenticated"), c.authenticated);
        EXPECT_EQ(life.condition("SourceGuarded"), c.guarded);
        EXPECT_EQ(life.warned(Reason::kNoClientCertificateDemanded), !c.demanded);
        EXPECT_EQ(std::count_if(life.plan.events.begin(), life.plan.events.end(),
                                [](const auto& e) { return e.reason == "CertificateExpiresSoon"; }),
                  1)
            << "the one that has less than three weeks left";
    }
}

TEST(SourceTrust, TellsOfAnAdoptedArtifactThatItsSourceWasVerified) {
    for (const auto verification : {contract::TlsVerification::kFull, contract::TlsVerification::kChain}) {
        Life life;
        life.backup.spec.retry_limit = 0;
        life.backup.spec.tls = api::SourceTls{.secret = "s", .verification = verification};
        life.step().ends(Reason::kNoReport).step();
        EXPECT_EQ(life.condition("SourceAuthenticated"), "Unknown/Pending");
        life.completes();
        EXPECT_EQ(life.condition("SourceAuthenticated"), "True/Verified") << "nothing is pending after the end";
        EXPECT_THAT(api::find_condition(life.backup.status.conditions, "SourceAuthenticated")->message,
                    testing::HasSubstr("earlier attempt"));
    }
    Life clear;
    clear.backup.spec.retry_limit = 0;
    EXPECT_EQ(clear.step().ends(Reason::kNoReport).step().completes().condition("SourceAuthenticated"),
              "False/ClearText");
}

}  // namespace
}  // namespace n4b::plan
