#include "operator/plan/source_trust.hpp"

#include <fmt/format.h>

#include "common/base/rfc3339.hpp"

namespace n4b::plan {
namespace {

using base::Reason;
using contract::TlsVerification;

// Long enough for a person to act, short enough that 90-day certificates don't warn for a third of their life.
constexpr auto kExpiryWarning = std::chrono::hours(24 * 21);

constexpr char kAuthenticated[] = "SourceAuthenticated";
constexpr char kGuarded[] = "SourceGuarded";

void set(BackupPlan& plan, const BackupInputs& in, const char* type, const char* status, Reason reason,
         std::string message) {
    api::set_condition(plan.status.conditions, {.type = type,
                                                .status = status,
                                                .reason = std::string(to_string(reason)),
                                                .message = std::move(message),
                                                .last_transition = in.now,
                                                .observed_generation = in.backup.meta.generation});
}

void warn(BackupPlan& plan, Reason reason, const std::string& note) {
    plan.events.push_back({.warning = true, .reason = std::string(to_string(reason)), .note = note});
}

void warn_of_expiry(BackupPlan& plan, const BackupInputs& in, const std::optional<base::SystemTime>& expires,
                    const std::string& whose) {
    if (!expires || *expires > in.now + kExpiryWarning) return;
    warn(plan, Reason::kCertificateExpiresSoon,
         fmt::format("the certificate of {} expires at {}; renew it before", whose, base::format_rfc3339(*expires)));
}

}  // namespace

void plan_trust_at_start(BackupPlan& plan, const BackupInputs& in) {
    const auto& tls = in.backup.spec.tls;
    const bool first = plan.status.attempts.size() == 1;
    if (!tls) {
        const std::string text =
            "the source is read in clear text: nobody checks who answers, and whoever reaches its port can read the "
            "database. Set an SSL policy and spec.source.tls; see docs/security.md";
        set(plan, in, kAuthenticated, "False", Reason::kClearText, text);
        set(plan, in, kGuarded, "False", Reason::kClearText, text);
        if (first) warn(plan, Reason::kClearText, text);
    } else if (tls->verification == TlsVerification::kNone) {
        const std::string text =
            "the source's certificate is not verified (spec.source.tls.verification is None): anybody in between can "
            "read the database and make up the backup";
        set(plan, in, kAuthenticated, "False", Reason::kNotVerified, text);
        if (first) warn(plan, Reason::kNotVerified, text);
    } else {
        set(plan, in, kAuthenticated, "Unknown", Reason::kPending, "the source has not been reached yet");
    }
}

void plan_trust_at_end(BackupPlan& plan, const BackupInputs& in, const contract::RunReport& report) {
    const auto& spec = in.backup.spec.tls;
    const bool verifies = spec && spec->verification != TlsVerification::kNone;
    if (!report.tls) {
        if (report.adopted && verifies) {
            set(plan, in, kAuthenticated, "True", Reason::kVerified,
                "an earlier attempt finished the artifact, after it had verified the source's certificate");
        }
        return;
    }
    const auto& tls = *report.tls;
    if (verifies) {
        set(plan, in, kAuthenticated, "True", Reason::kVerified,
            fmt::format("{}, the certificate is trusted{}", tls.version,
                        spec->verification == TlsVerification::kFull ? " and bears the expected name" : ""));
    }
    if (tls.client_certificate_requested) {
        set(plan, in, kGuarded, "True", Reason::kClientCertificateDemanded, "the source demanded a client certificate");
    } else {
        const std::string text =
            "the source demands no client certificate: whoever reaches its port can read the database. Set "
            "client_auth=REQUIRE in its SSL policy; see docs/security.md";
        set(plan, in, kGuarded, "False", Reason::kNoClientCertificateDemanded, text);
        warn(plan, Reason::kNoClientCertificateDemanded, text);
    }
    warn_of_expiry(plan, in, tls.certificate_expires, "the client (spec.source.tls.secretRef)");
    warn_of_expiry(plan, in, tls.server_certificate_expires, "the source");
}

}  // namespace n4b::plan
