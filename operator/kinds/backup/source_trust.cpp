#include "operator/kinds/backup/source_trust.hpp"

#include <fmt/format.h>

#include "common/base/rfc3339.hpp"

namespace n4b::backup {
namespace {

using base::Reason;
using contract::TlsVerification;

// Long enough for a person to act, short enough that 90-day certificates don't warn for a third of their life.
constexpr auto kExpiryWarning = std::chrono::hours(24 * 21);

constexpr char kAuthenticated[] = "SourceAuthenticated";
constexpr char kGuarded[] = "SourceGuarded";

void warn(run::RunStep& step, Reason reason, const std::string& note) {
    step.events.push_back({.warning = true, .reason = std::string(to_string(reason)), .note = note});
}

void warn_of_expiry(run::RunStep& step, const run::Stamp& stamp, const std::optional<base::SystemTime>& expires,
                    const std::string& whose) {
    if (!expires || *expires > stamp.now + kExpiryWarning) return;
    warn(step, Reason::kCertificateExpiresSoon,
         fmt::format("the certificate of {} expires at {}; renew it before", whose, base::format_rfc3339(*expires)));
}

/// Whether the attempts verified the source's certificate, as the condition of their start says.
bool verified_before(const BackupStatus& status) {
    const auto* condition = api::find_condition(status.conditions, kAuthenticated);
    return condition != nullptr && condition->status != "False";
}

}  // namespace

void tell_trust_at_start(BackupStatus& status, const std::optional<source::Tls>& tls, run::RunStep& step,
                         const run::Stamp& stamp) {
    const bool first = step.status.attempts.size() == 1;
    const auto set = [&](const char* type, const char* value, Reason reason, const std::string& message) {
        run::set_condition(status.conditions, stamp, type, value, reason, message);
    };
    if (!tls) {
        const std::string text =
            "the source is read in clear text: nobody checks who answers, and whoever reaches its port can read the "
            "database. Set an SSL policy, and spec.connection.tls of the source; see docs/security.md";
        set(kAuthenticated, "False", Reason::kClearText, text);
        set(kGuarded, "False", Reason::kClearText, text);
        if (first) warn(step, Reason::kClearText, text);
    } else if (tls->verification == TlsVerification::kNone) {
        const std::string text =
            "the source's certificate is not verified (spec.connection.tls.verification is None): anybody in between "
            "can read the database and make up the backup";
        set(kAuthenticated, "False", Reason::kNotVerified, text);
        if (first) warn(step, Reason::kNotVerified, text);
    } else {
        set(kAuthenticated, "Unknown", Reason::kPending, "the source has not been reached yet");
    }
}

void tell_trust_at_end(BackupStatus& status, const contract::RunReport& report, run::RunStep& step,
                       const run::Stamp& stamp) {
    const auto set = [&](const char* type, const char* value, Reason reason, const std::string& message) {
        run::set_condition(status.conditions, stamp, type, value, reason, message);
    };
    const bool verifies = verified_before(status);
    if (!report.tls) {
        if (report.adopted && verifies) {
            set(kAuthenticated, "True", Reason::kVerified,
                "an earlier attempt finished the artifact, after it had verified the source's certificate");
        }
        return;
    }
    const auto& tls = *report.tls;
    if (verifies) {
        const bool full = tls.verification == to_string(TlsVerification::kFull);
        set(kAuthenticated, "True", Reason::kVerified,
            fmt::format("{}, the certificate is trusted{}", tls.version, full ? " and bears the expected name" : ""));
    }
    if (tls.client_certificate_requested) {
        set(kGuarded, "True", Reason::kClientCertificateDemanded, "the source demanded a client certificate");
    } else {
        const std::string text =
            "the source demands no client certificate: whoever reaches its port can read the database. Set "
            "client_auth=REQUIRE in its SSL policy; see docs/security.md";
        set(kGuarded, "False", Reason::kNoClientCertificateDemanded, text);
        warn(step, Reason::kNoClientCertificateDemanded, text);
    }
    warn_of_expiry(step, stamp, tls.certificate_expires, "the client (spec.connection.tls.secretRef of the source)");
    warn_of_expiry(step, stamp, tls.server_certificate_expires, "the source");
}

}  // namespace n4b::backup
