#include "backup-runner/engine/source_choice.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace n4b::engine {
namespace {

using base::Reason;
using contract::MemberRole;
using contract::SourcePolicy;

Candidate member(const char* ip, MemberRole role, std::int64_t last, std::string store = "A") {
    return {.address = {.ip = ip, .port = 1},
            .answered = true,
            .store_id = std::move(store),
            .last_transaction = last,
            .role = role};
}
Candidate core(std::int64_t last = 100, const char* ip = "core") {
    return member(ip, MemberRole::kCore, last);
}
Candidate replica(std::int64_t last = 100, const char* ip = "replica") {
    return member(ip, MemberRole::kReadReplica, last);
}
/// A read replica at that address, known by a name.
Candidate named(std::int64_t last, const char* ip, std::uint16_t port, std::string name) {
    auto candidate = replica(last, ip);
    candidate.address.port = port;
    candidate.host = name;
    candidate.member = std::move(name);
    return candidate;
}
Candidate unknown(std::int64_t last = 100) {
    return member("unknown", MemberRole::kUnknown, last);
}
Candidate failed(Reason reason = Reason::kSourceUnreachable) {
    return {.address = {.ip = "failed", .port = 1}, .error = base::Error{.message = "why", .reason = reason}};
}

/// What happens, in a word: the place of the chosen one, or the reason.
std::string outcome(const std::vector<Candidate>& candidates, const SourceWish& wish) {
    const auto choice = choose(candidates, wish);
    return choice ? std::to_string(choice->candidate) : std::string(to_string(*choice.error().reason));
}

TEST(SourceChoice, TableOfPolicies) {
    const struct {
        const char* name;
        std::vector<Candidate> candidates;
        const char* any;
        const char* prefer_replica;
        const char* replica_only;
    } cases[]{
        {"order decides among equals", {replica(99), replica(100)}, "0", "0", "0"},
        {"a core is first in order", {core(), replica()}, "0", "1", "1"},
        {"only cores", {core(), core()}, "0", "0", "NoReadReplica"},
        {"an unknown role before a core", {core(), unknown()}, "0", "1", "NoReadReplica"},
        {"the replica failed", {failed(), core()}, "1", "1", "NoReadReplica"},
        {"nobody answered",
         {failed(Reason::kSourceNameNotResolved), failed()},
         "SourceUnreachable",
         "SourceUnreachable",
         "SourceUnreachable"},
        {"somebody answered wrongly",
         {failed(), failed(Reason::kNotCatchupServer)},
         "NotCatchupServer",
         "NotCatchupServer",
         "NotCatchupServer"},
        {"two databases",
         {replica(), member("x", MemberRole::kReadReplica, 5, "B")},
         "SourcesDisagree",
         "SourcesDisagree",
         "SourcesDisagree"},
    };
    for (const auto& c : cases) {
        EXPECT_EQ(outcome(c.candidates, {.policy = SourcePolicy::kAny}), c.any) << c.name;
        EXPECT_EQ(outcome(c.candidates, {.policy = SourcePolicy::kPreferReplica}), c.prefer_replica) << c.name;
        EXPECT_EQ(outcome(c.candidates, {.policy = SourcePolicy::kReplicaOnly}), c.replica_only) << c.name;
    }
}

TEST(SourceChoice, TableOfLags) {
    const struct {
        const char* name;
        std::vector<Candidate> candidates;
        SourcePolicy policy;
        std::int64_t max_lag;
        const char* outcome;
    } cases[]{
        {"within", {replica(90), core(100)}, SourcePolicy::kPreferReplica, 10, "0"},
        {"one too many", {replica(89), core(100)}, SourcePolicy::kPreferReplica, 10, "1"},
        {"none allowed", {replica(99), replica(100, "other")}, SourcePolicy::kReplicaOnly, 0, "1"},
        {"every replica is behind", {replica(1), core(100)}, SourcePolicy::kReplicaOnly, 10, "SourceBehind"},
        {"unknown lag is accepted", {replica(1), failed()}, SourcePolicy::kReplicaOnly, 0, "0"},
        {"a core behind is no replica", {core(1), core(100, "other")}, SourcePolicy::kReplicaOnly, 10, "NoReadReplica"},
    };
    for (const auto& c : cases) {
        EXPECT_EQ(outcome(c.candidates, {.policy = c.policy, .max_lag = c.max_lag}), c.outcome) << c.name;
    }
}

TEST(SourceChoice, TellsTheLagOnlyWhenSomebodyElseAnswered) {
    const auto alone = choose({replica(7), failed()}, {});
    EXPECT_FALSE(alone->lag);
    EXPECT_FALSE(alone->newest_known);
    const auto two = choose({replica(97), core(100)}, {});
    EXPECT_EQ(two->lag, 3);
    EXPECT_EQ(two->newest_known, 100);
    // A member that can't be copied from any more still told how far the cluster is.
    auto broken = core(100);
    broken.error = base::Error{.message = "lost", .reason = Reason::kSourceConnectionLost};
    EXPECT_EQ(choose({replica(97), broken}, {})->lag, 3);
}

TEST(SourceChoice, TakesTwoAnswersOfOneMemberForOne) {
    const struct {
        const char* name;
        std::vector<Candidate> candidates;
        std::optional<std::int64_t> lag;
    } cases[]{
        {"both families of a pod", {named(7, "10.0.0.1", 1, "pod-0"), named(7, "fd00::1", 1, "pod-0")}, {}},
        {"both families of a host", {named(7, "10.0.0.1", 1, "host"), named(7, "fd00::1", 1, "host")}, {}},
        {"two ports of a pod", {named(7, "10.0.0.1", 6362, "pod-0"), named(7, "10.0.0.1", 6000, "pod-0")}, {}},
        {"two names of an address", {named(7, "10.0.0.1", 6362, "a"), named(7, "10.0.0.1", 6000, "b")}, {}},
        {"a name and its address", {named(7, "10.0.0.1", 6362, "a"), named(7, "10.0.0.1", 6000, "")}, {}},
        {"two pods", {named(7, "10.0.0.1", 1, "pod-0"), named(9, "10.0.0.2", 1, "pod-1")}, 2},
        {"two addresses of a family behind a name",
         {named(7, "10.0.0.1", 1, "all"), named(9, "10.0.0.2", 1, "all")},
         2},
        {"twice one member, and another",
         {named(7, "10.0.0.1", 1, "pod-0"), named(7, "fd00::1", 1, "pod-0"), named(9, "10.0.0.2", 1, "pod-1")},
         2},
    };
    for (const auto& c : cases) EXPECT_EQ(choose(c.candidates, {})->lag, c.lag) << c.name;
}

TEST(SourceChoice, PassesOverAnotherDatabaseThanTheLastBackups) {
    const SourceWish wish{.store_id = "A", .earlier = "prod/graph.db"};
    auto stranger = member("x", MemberRole::kReadReplica, 900, "B");
    EXPECT_EQ(outcome({stranger, replica()}, wish), "1");
    EXPECT_FALSE(choose({stranger, replica()}, wish)->lag) << "a stranger's transactions say nothing";
    EXPECT_EQ(outcome({stranger}, wish), "SourceIdentityChanged");
    EXPECT_EQ(passed_over({stranger, replica()}, wish).at(0).reason, Reason::kSourceIdentityChanged);
}

TEST(SourceChoice, SaysWhyItFellBackToACore) {
    using ::testing::HasSubstr;
    const auto why = [](const std::vector<Candidate>& c, const SourceWish& wish) { return choose(c, wish)->why; };
    EXPECT_EQ(why({core(), replica()}, {}), "the first read replica in order that can be used");
    EXPECT_EQ(why({core()}, {}), "a core: no other server is a read replica");
    EXPECT_THAT(why({failed(), replica(1), core()}, {.max_lag = 5}), HasSubstr("1 failed, 1 too far behind"));
    EXPECT_EQ(why({core()}, {.policy = SourcePolicy::kAny}), "the first in order that can be used");
}

TEST(SourceChoice, ACopyThatBrokeSaysMoreThanAServerThatIsDown) {
    auto broken = replica();
    broken.tried = true;
    broken.error = base::Error{.message = "lost", .reason = Reason::kSourceConnectionLost};
    EXPECT_EQ(outcome({failed(Reason::kNotCatchupServer), broken}, {}), "SourceConnectionLost");
    EXPECT_EQ(outcome({core(), broken}, {.policy = SourcePolicy::kReplicaOnly}), "SourceConnectionLost");
    EXPECT_EQ(outcome({core(), broken}, {}), "0");
}

TEST(SourceChoice, ListsOnlyThoseThatMightHaveBeenUsed) {
    EXPECT_TRUE(passed_over({core(), replica()}, {.policy = SourcePolicy::kReplicaOnly}).empty());
    const auto list = passed_over({failed(), replica(1), core()}, {.max_lag = 5});
    ASSERT_EQ(list.size(), 2U);
    EXPECT_EQ(list[0].address, "failed:1");
    EXPECT_EQ(list[1].reason, Reason::kSourceBehind);
}

}  // namespace
}  // namespace n4b::engine
