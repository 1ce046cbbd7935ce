#include "operator/run/run_machine.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/operator/run/life.hpp"

namespace n4b::run {
namespace {

TEST(LookUp, LooksUpOnceWhenTheLastAttemptCouldNotSpeak) {
    for (const auto reason :
         {Reason::kNoReport, Reason::kOutOfMemory, Reason::kEvicted, Reason::kJobDeleted, Reason::kLost,
          Reason::kStorageUnavailable, Reason::kStorageFull, Reason::kStorageReadOnly, Reason::kStoragePermission}) {
        Life life;
        life.owner.policy.retry_limit = 0;
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

/// Whether the run of an attempt that ended so looks into the storage before it fails.
bool looks_after(Reason reason) {
    Life life;
    life.owner.policy.retry_limit = 0;
    life.step().ends(reason);
    return life.step().plan.start && life.plan.start->look_up;
}

TEST(LookUp, LooksWhereObjectStorageMayHaveTheHead) {
    for (const auto reason :
         {Reason::kStorageUnreachable, Reason::kStorageNameNotResolved, Reason::kStorageProxyFailed,
          Reason::kStorageThrottled, Reason::kStorageReplyInvalid, Reason::kStorageCertificateInvalid,
          Reason::kStorageAccessDenied, Reason::kStorageCredentialsInvalid, Reason::kStorageCredentialsRejected,
          Reason::kStorageSignatureMismatch, Reason::kStorageClockSkewed}) {
        EXPECT_TRUE(looks_after(reason)) << to_string(reason);
    }
    for (const auto reason :
         {Reason::kBucketNotFound, Reason::kStorageRegionWrong, Reason::kStorageOperationUnsupported}) {
        EXPECT_FALSE(looks_after(reason)) << to_string(reason);
    }
}

TEST(LookUp, ALookUpThatIsDeniedAsTheCopyWasEndsTheRun) {
    Life life;
    life.owner.policy.retry_limit = 0;
    life.step().ends(Reason::kStorageCredentialsRejected).step();
    EXPECT_EQ(life.ends(Reason::kStorageCredentialsRejected).verdict(), "False/StorageCredentialsRejected");
    EXPECT_THAT(life.message(), testing::HasSubstr("whether it finished an artifact is unknown"));
}

TEST(LookUp, LooksAgainWhenALookUpCouldNotButNotForEver) {
    for (const auto reason :
         {Reason::kEvicted, Reason::kPodLost, Reason::kStorageUnavailable, Reason::kUnschedulable}) {
        Life life;
        life.owner.policy.retry_limit = 0;
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

TEST(LookUp, LooksAgainSoonHoweverOftenItHadCopied) {
    Life life;
    life.owner.policy.retry_limit = 20;
    life.owner.policy.run = std::chrono::hours(8000);
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

TEST(LookUp, LooksAfterADamagedRepositoryFileButNotAfterADamagedArtifact) {
    Life life;
    life.step().ends(Reason::kPodLost);
    life.now += seconds(15);
    life.step().ends(Reason::kArtifactDamaged);
    EXPECT_EQ(life.verdict(), "Unknown/Retrying") << "the attempt may not have come to its own look-up";
    ASSERT_TRUE(life.step().plan.start->look_up);
    EXPECT_EQ(life.ends(Reason::kArtifactDamaged).verdict(), "False/ArtifactDamaged");
}

TEST(LookUp, SaysWhenItGivesUpOnALookUpThatCannotBeMade) {
    Life life;
    life.owner.policy.retry_limit = 0;
    EXPECT_FALSE(life.step().plan.give_up) << "a copy waits for its run's deadline";
    life.ends(Reason::kNoReport);
    const auto due = life.now;
    EXPECT_EQ(life.step().plan.give_up, due + life.owner.policy.start);
}

TEST(LookUp, DoesNotLookAgainWhereNothingWouldChange) {
    for (const auto reason : {Reason::kArtifactDamaged, Reason::kArtifactNotSupported, Reason::kInvalidRunSpec}) {
        Life life;
        life.owner.policy.retry_limit = 0;
        life.step().ends(Reason::kNoReport).step();
        EXPECT_EQ(life.ends(reason).verdict(), "False/NoReport") << to_string(reason);
    }
}

TEST(LookUp, ALookUpWaitsAtAClosedGateOnlyForStartTimeout) {
    for (const auto gate :
         {Reason::kStorageNotFound, Reason::kStorageNotReady, Reason::kServiceHasNoEndpoints, Reason::kQueued}) {
        Life life;
        life.owner.policy.retry_limit = 0;
        life.step().ends(Reason::kNoReport);
        life.now += life.owner.policy.start;
        life.waits(gate);
        EXPECT_EQ(life.verdict().substr(0, 8), "Unknown/");
        life.now += seconds(1);
        life.waits(gate);
        EXPECT_EQ(life.verdict(), "False/NoReport") << "a slot must not be held for ever";
        EXPECT_THAT(life.message(), testing::HasSubstr("why; could not look for a finished artifact: "));
        EXPECT_THAT(life.message(), testing::HasSubstr(": gate."));
    }
}

TEST(LookUp, StartsNoAttemptAfterTheDeadlineButStillLooks) {
    Life late;
    late.owner.policy.run = std::chrono::minutes(1);
    late.step().ends(Reason::kSourceUnreachable);
    late.now += std::chrono::hours(1);  // The operator was away.
    EXPECT_EQ(late.step().verdict(), "False/DeadlineExceeded");
    Life silent;
    silent.owner.policy.retry_limit = 0;
    silent.owner.policy.run = std::chrono::minutes(1);
    silent.step().ends(Reason::kNoReport);
    silent.now += std::chrono::hours(1);
    silent.step();
    ASSERT_TRUE(silent.plan.start);
    EXPECT_TRUE(silent.plan.start->look_up);
}

TEST(LookUp, LooksBeforeItFailsWhenAnEarlierAttemptMayHaveFinished) {
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

TEST(LookUp, DoesNotLookAgainAfterAnAttemptThatLooked) {
    for (const auto last : {Reason::kSourceUnreachable, Reason::kCopyInconsistent, Reason::kServerNameMismatch}) {
        Life life;
        life.step().ends(Reason::kPodLost);
        life.now += seconds(15);
        EXPECT_EQ(life.step().ends(last).verdict(), "False/" + std::string(to_string(last)));
    }
}

TEST(LookUp, LooksBeforeItFailsAtTheDeadline) {
    Life life;
    life.owner.policy.run = std::chrono::hours(1);
    life.step().ends(Reason::kPodLost);
    life.now += seconds(15);
    EXPECT_EQ(life.waits(Reason::kServiceHasNoEndpoints).verdict(), "Unknown/ServiceHasNoEndpoints");
    life.now += std::chrono::hours(2);
    const auto wanted = wanted_attempt(life.owner, life.status, life.now);
    ASSERT_TRUE(wanted);
    EXPECT_TRUE(wanted->look_up);
    life.step();
    ASSERT_TRUE(life.plan.start);
    EXPECT_TRUE(life.plan.start->look_up);
    EXPECT_EQ(life.ends(Reason::kArtifactNotFound).verdict(), "False/DeadlineExceeded");
    EXPECT_THAT(life.message(), testing::HasSubstr("the last one: PodLost: why"));
}

TEST(LookUp, ForgetsNoAttemptThatMayHaveFinishedBeforeOneHasLooked) {
    Life life;
    life.owner.policy.retry_limit = 20;
    life.owner.policy.run = std::chrono::hours(8000);
    for (int i = 0; i < 14; ++i) {
        life.step().ends(i == 0 ? Reason::kPodLost : Reason::kUnschedulable);
        life.now += std::chrono::hours(7);
    }
    EXPECT_EQ(life.status.attempts.size(), 10U);
    EXPECT_EQ(life.status.attempts.front().reason, "PodLost");
    EXPECT_EQ(life.status.attempts[1].number, 6);
}

}  // namespace
}  // namespace n4b::run
