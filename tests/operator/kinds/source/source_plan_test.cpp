#include "operator/kinds/source/source_plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/json_object.hpp"

namespace n4b::source {
namespace {

using base::Reason;
using contract::MemberReport;
using contract::MemberRole;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using Outcome = run::Verdict::Outcome;

const base::SystemTime kNow{seconds(1'790'000'000)};

MemberReport member(const std::string& address, MemberRole role, std::int64_t lag) {
    return {
        .address = address, .member = address, .role = role, .store_id = "store", .last_transaction = 9, .lag = lag};
}

MemberReport dead(const std::string& address) {
    return {.address = address, .reason = Reason::kSourceUnreachable, .message = "refused"};
}

/// A source whose probes end with what the test says.
struct Probed {
    Source source{.meta = {.object_namespace = "db", .name = "prod", .uid = "u", .generation = 1}};
    run::RunStep step{};

    Probed() { source.spec.database = "graph.db"; }
    Probed& ends(Outcome outcome, Reason reason, std::vector<MemberReport> members) {
        step = {.status = source.status.run, .verdict = {.outcome = outcome, .reason = reason, .message = "told"}};
        step.status.completed = kNow;
        step.report = contract::RunReport{.reason = reason, .members = std::move(members)};
        source.status = status_after(source, step, kNow);
        return *this;
    }
    Probed& answers(std::vector<MemberReport> members) {
        return ends(Outcome::kSucceeded, Reason::kCompleted, std::move(members));
    }
    [[nodiscard]] std::string condition(const char* type) const {
        const auto* c = api::find_condition(source.status.conditions, type);
        return c == nullptr ? "none" : c->status + "/" + c->reason;
    }
    [[nodiscard]] std::size_t warnings() const { return step.events.size(); }
};

TEST(SourcePlan, IsReadyWhenAMemberAnswers) {
    Probed p;
    p.answers({member("r", MemberRole::kReadReplica, 3), member("c", MemberRole::kCore, 0), dead("d")});
    EXPECT_EQ(p.condition("Ready"), "True/Ready");
    EXPECT_EQ(p.condition("Reachable"), "True/Ready");
    EXPECT_EQ(p.condition("Stalled"), "False/Completed");
    EXPECT_EQ(p.source.status.store_id, "store");
    EXPECT_EQ(p.source.status.last_success, kNow);
    const auto display = display_of(p.source.spec, p.source.status);
    EXPECT_EQ(display.members, "2/3");
    EXPECT_EQ(display.lag, "3") << "a copy comes from the read replica";
    EXPECT_EQ(display.guard, "ClearText");
}

TEST(SourcePlan, SaysWhyNoBackupCanBeTaken) {
    Probed replicas;
    replicas.source.spec.policy = contract::SourcePolicy::kReplicaOnly;
    EXPECT_EQ(replicas.answers({member("c", MemberRole::kCore, 0)}).condition("Ready"), "False/NoReadReplica");
    EXPECT_EQ(replicas.condition("Reachable"), "True/Ready");
    EXPECT_EQ(replicas.condition("Stalled"), "True/Completed");
    Probed two;
    auto other = member("x", MemberRole::kCore, 0);
    other.store_id = "another";
    EXPECT_EQ(two.answers({member("c", MemberRole::kCore, 0), other}).condition("Ready"), "False/SourcesDisagree");
    Probed none;
    none.ends(Outcome::kFailed, Reason::kSourceUnreachable, {dead("a"), dead("b")});
    EXPECT_EQ(none.condition("Ready"), "False/SourceUnreachable");
    EXPECT_EQ(none.condition("Reachable"), "False/SourceUnreachable");
    EXPECT_EQ(none.source.status.members.size(), 2U) << "a member that is dead is a row with its reason";
    EXPECT_FALSE(none.source.status.last_success);
}

TEST(SourcePlan, WarnsWhenAConditionTurnsAndNotAtEveryLook) {
    Probed p;
    p.answers({member("c", MemberRole::kCore, 0)});
    const auto first = p.warnings();
    EXPECT_GT(first, 0U) << "clear text";
    p.answers({member("c", MemberRole::kCore, 0)});
    EXPECT_EQ(p.warnings(), 0U);
    p.ends(Outcome::kFailed, Reason::kSourceUnreachable, {dead("c")});
    EXPECT_GT(p.warnings(), 0U);
}

TEST(SourcePlan, TellsHowFarTheMembersCanBeTrusted) {
    struct Case {
        contract::TlsVerification verification;
        bool demanded;
        std::string authenticated, guarded, guard;
    };
    using V = contract::TlsVerification;
    for (const auto& c : {Case{V::kFull, true, "True/Verified", "True/ClientCertificateDemanded", "Guarded"},
                          Case{V::kChain, false, "True/Verified", "False/NoClientCertificateDemanded", "Open"},
                          Case{V::kNone, true, "False/NotVerified", "True/ClientCertificateDemanded", "Guarded"}}) {
        Probed p;
        p.source.spec.tls = Tls{.secret = "s", .verification = c.verification};
        auto answering = member("c", MemberRole::kCore, 0);
        answering.tls = contract::TlsReport{
            .version = "TLSv1.3", .client_certificate_requested = c.demanded, .certificate_expires = kNow + hours(24)};
        p.answers({answering});
        EXPECT_EQ(p.condition("SourceAuthenticated"), c.authenticated);
        EXPECT_EQ(p.condition("SourceGuarded"), c.guarded);
        EXPECT_EQ(display_of(p.source.spec, p.source.status).guard, c.guard);
        EXPECT_EQ(p.source.status.client_certificate_expires, kNow + hours(24));
    }
}

TEST(SourcePlan, LooksAgainAfterTheIntervalASpecChangeOrAFailure) {
    Probed p;
    EXPECT_EQ(until_probe(p.source, kNow), seconds(0)) << "nobody has looked yet";
    p.answers({member("c", MemberRole::kCore, 0)});
    EXPECT_EQ(until_probe(p.source, kNow), hours(24));
    EXPECT_EQ(until_probe(p.source, kNow + hours(25)), seconds(0));
    p.source.meta.generation = 2;
    EXPECT_EQ(until_probe(p.source, kNow), seconds(0));
    p.ends(Outcome::kFailed, Reason::kSourceUnreachable, {dead("c")});
    EXPECT_EQ(until_probe(p.source, kNow), minutes(10)) << "a repair must show before tomorrow";
    p.source.spec.probe_interval = seconds(30);
    EXPECT_EQ(until_probe(p.source, kNow), seconds(30));
}

TEST(SourcePlan, ASpecThatChangesDuringALookIsLookedAtAfterwards) {
    Probed p;
    p.step = {.status = {.attempts = {{.number = 1, .job_uid = "job"}}}, .verdict = {.outcome = Outcome::kUnknown}};
    p.source.status = status_after(p.source, p.step, kNow);
    ASSERT_EQ(p.source.status.observed_generation, 1);
    p.source.meta.generation = 2;
    p.answers({member("r", MemberRole::kReadReplica, 0)});
    EXPECT_EQ(p.source.status.observed_generation, 1) << "the look was one at the spec before";
    EXPECT_EQ(until_probe(p.source, kNow), seconds(0));
    p.source.status.run = {};
    p.answers({member("r", MemberRole::kReadReplica, 0)});
    EXPECT_EQ(p.source.status.observed_generation, 2);
    EXPECT_EQ(until_probe(p.source, kNow), p.source.spec.probe_interval);
}

TEST(SourcePlan, ABackupCountsAsALookAndTellsItsMembersState) {
    Probed p;
    p.answers({member("10.0.0.1:6362", MemberRole::kReadReplica, 3), member("10.0.0.2:6362", MemberRole::kCore, 0)});
    contract::RunReport report{.reason = Reason::kCompleted};
    report.source = contract::SourceReport{
        .address = "10.0.0.1:6362", .store_id = "store", .role = MemberRole::kReadReplica, .lag = 1};
    const auto later = kNow + hours(20);
    p.source.status = status_after(p.source, report, later);
    EXPECT_EQ(p.source.status.members.size(), 2U);
    EXPECT_EQ(p.source.status.members[0].lag, 1);
    EXPECT_EQ(until_probe(p.source, later), hours(24));
    EXPECT_EQ(status_after(p.source, contract::RunReport{.reason = Reason::kSourceUnreachable}, later), p.source.status)
        << "a run that reached nobody tells nothing of a member";
}

TEST(SourcePlan, TheNextProbeCountsItsAttemptsOn) {
    Probed p;
    p.source.status.run = {.attempts = {{.number = 4, .job = "j", .job_uid = "x", .ended = kNow}},
                           .first_attempt = 3,
                           .started = kNow,
                           .completed = kNow};
    const auto next = begun(p.source.status);
    EXPECT_EQ(next.run.first_attempt, 5);
    EXPECT_FALSE(next.run.finished());
    EXPECT_TRUE(run::unstarted(next.run));
    p.source.meta.restored = true;
    const auto step = run::step({.owner = owner_of(p.source), .status = next.run, .now = kNow + hours(1000)});
    ASSERT_TRUE(step.start) << "a source that Velero put back, or that is old, is looked at all the same";
    EXPECT_EQ(step.start->number, 5);
}

TEST(SourcePlan, AServiceWithoutMembersIsNotReachable) {
    Probed p;
    p.source.spec.service = ServicePort{.name = "replicas", .port = "backup"};
    const auto prepared = prepare(p.source, {}, {});
    ASSERT_TRUE(prepared.hindrance);
    run::RunStep step{.verdict = {.reason = prepared.hindrance->reason, .message = prepared.hindrance->message}};
    p.source.status = status_after(p.source, step, kNow);
    EXPECT_EQ(p.condition("Ready"), "False/ServiceHasNoEndpoints");
    EXPECT_EQ(p.condition("Reconciling"), "True/ServiceHasNoEndpoints");
}

/// What is written is the difference to what was read: a column that was never written must not count as read.
TEST(SourceStatus, ShowsItsColumnsFromTheFirstProbeOn) {
    Probed p;
    const auto before = base::Json::parse(status_json(p.source.status));
    EXPECT_FALSE(before.contains("display")) << before.dump();
    p.answers({member("c", MemberRole::kCore, 0)});
    const auto after = base::Json::parse(status_json(p.source.status));
    EXPECT_EQ(after["display"], (base::Json{{"guard", "ClearText"}, {"members", "1/1"}, {"lag", "Unknown"}}));
}

TEST(SourceStatus, SurvivesWritingAndReading) {
    Probed p;
    auto answering = member("c", MemberRole::kReadReplica, 2);
    answering.tls = contract::TlsReport{.version = "TLSv1.3", .cipher = "X", .certificate_expires = kNow};
    p.answers({answering, dead("d")});
    p.source.status.run.attempts = {{.number = 2, .job = "j", .job_uid = "x", .started = kNow, .ended = kNow}};
    p.source.status.run.first_attempt = 2;
    base::Json json{{"metadata", {{"name", "prod"}, {"namespace", "db"}, {"uid", "u"}, {"resourceVersion", "7"}}},
                    {"spec", {{"databases", {"graph.db"}}}},
                    {"status", base::Json::parse(status_json(p.source.status))}};
    const auto again = parse_source(json);
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(again->status, p.source.status);
    EXPECT_EQ(json["status"]["members"].dump().find("null"), std::string::npos)
        << "a null in an array would be refused";
}

}  // namespace
}  // namespace n4b::source
