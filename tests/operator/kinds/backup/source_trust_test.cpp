#include "operator/kinds/backup/source_trust.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace n4b::backup {
namespace {

using base::Reason;
using contract::TlsVerification;
using std::chrono::hours;

const run::Stamp kStamp{.now = base::SystemTime(std::chrono::seconds(1'790'000'000)), .generation = 1};

/// The conditions and events of one backup.
struct Trust {
    BackupStatus status{};
    run::RunStep step{};

    Trust& starts(const std::optional<source::Tls>& tls) {
        step.events.clear();
        step.status.attempts.emplace_back();
        tell_trust_at_start(status, tls, step, kStamp);
        return *this;
    }
    Trust& ends(const contract::RunReport& report) {
        step.events.clear();
        tell_trust_at_end(status, report, step, kStamp);
        return *this;
    }
    [[nodiscard]] std::string condition(const char* type) const {
        const auto* c = api::find_condition(status.conditions, type);
        return c == nullptr ? "none" : c->status + "/" + c->reason;
    }
    [[nodiscard]] std::ptrdiff_t warnings(Reason reason) const {
        return std::count_if(step.events.begin(), step.events.end(),
                             [&](const auto& e) { return e.warning && e.reason == to_string(reason); });
    }
};

TEST(SourceTrust, WarnsOnceOfClearText) {
    Trust trust;
    trust.starts(std::nullopt);
    EXPECT_EQ(trust.condition("SourceAuthenticated"), "False/ClearText");
    EXPECT_EQ(trust.condition("SourceGuarded"), "False/ClearText");
    EXPECT_EQ(trust.warnings(Reason::kClearText), 1);
    trust.starts(std::nullopt);
    EXPECT_EQ(trust.warnings(Reason::kClearText), 0) << "one warning a backup, not one an attempt";
}

TEST(SourceTrust, TellsWhatTheCopyShowed) {
    struct Case {
        TlsVerification verification;
        bool demanded;
        std::string authenticated, guarded;
    };
    for (const auto& c : {Case{TlsVerification::kFull, true, "True/Verified", "True/ClientCertificateDemanded"},
                          Case{TlsVerification::kChain, false, "True/Verified", "False/NoClientCertificateDemanded"},
                          Case{TlsVerification::kNone, true, "False/NotVerified", "True/ClientCertificateDemanded"}}) {
        Trust trust;
        trust.starts(source::Tls{.secret = "s", .verification = c.verification});
        EXPECT_EQ(trust.warnings(Reason::kNotVerified), c.verification == TlsVerification::kNone ? 1 : 0);
        contract::RunReport report{.reason = Reason::kCompleted};
        report.tls = contract::TlsReport{.version = "TLSv1.2",
                                         .client_certificate_requested = c.demanded,
                                         .certificate_expires = kStamp.now + hours(24 * 20),
                                         .server_certificate_expires = kStamp.now + hours(24 * 22)};
        trust.ends(report);
        EXPECT_EQ(trust.condition("SourceAuthenticated"), c.authenticated);
        EXPECT_EQ(trust.condition("SourceGuarded"), c.guarded);
        EXPECT_EQ(trust.warnings(Reason::kNoClientCertificateDemanded), c.demanded ? 0 : 1);
        EXPECT_EQ(trust.warnings(Reason::kCertificateExpiresSoon), 1) << "the one that has less than three weeks left";
    }
}

TEST(SourceTrust, TellsOfAnAdoptedArtifactThatItsSourceWasVerified) {
    contract::RunReport adopted{.reason = Reason::kCompleted};
    adopted.adopted = true;
    for (const auto verification : {TlsVerification::kFull, TlsVerification::kChain}) {
        Trust trust;
        trust.starts(source::Tls{.secret = "s", .verification = verification});
        EXPECT_EQ(trust.condition("SourceAuthenticated"), "Unknown/Pending");
        trust.ends(adopted);
        EXPECT_EQ(trust.condition("SourceAuthenticated"), "True/Verified") << "nothing is pending after the end";
        EXPECT_THAT(api::find_condition(trust.status.conditions, "SourceAuthenticated")->message,
                    testing::HasSubstr("earlier attempt"));
    }
    Trust clear;
    EXPECT_EQ(clear.starts(std::nullopt).ends(adopted).condition("SourceAuthenticated"), "False/ClearText");
}

}  // namespace
}  // namespace n4b::backup
