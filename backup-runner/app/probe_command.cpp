#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "backup-runner/app/commands.hpp"
#include "backup-runner/app/json_output.hpp"
#include "backup-runner/app/outcome.hpp"
#include "backup-runner/app/source_dialer.hpp"
#include "backup-runner/engine/probe.hpp"
#include "common/base/json_object.hpp"
#include "common/base/rfc3339.hpp"

namespace n4b::runner {
namespace {

using base::Json;
using contract::MemberReport;
using contract::RunReport;

Json json_of(const contract::TlsReport& tls) {
    Json json{{"version", tls.version},
              {"cipher", tls.cipher},
              {"verification", tls.verification},
              {"clientCertificateDemanded", tls.client_certificate_requested}};
    if (tls.certificate_expires) json["certificateExpires"] = base::format_rfc3339(*tls.certificate_expires);
    if (tls.server_certificate_expires) {
        json["serverCertificateExpires"] = base::format_rfc3339(*tls.server_certificate_expires);
    }
    return json;
}

Json json_of(const MemberReport& member) {
    Json json{{"address", member.address}, {"member", member.member}, {"reason", to_string(member.reason)}};
    if (member.tls) json["tls"] = json_of(*member.tls);
    if (member.reason != base::Reason::kCompleted) {
        json["message"] = member.message;
        return json;
    }
    json["role"] = to_string(member.role);
    json["storeId"] = member.store_id;
    json["lastTransaction"] = member.last_transaction;
    if (member.lag) json["lag"] = *member.lag;
    return json;
}

/// How wide the columns are whose contents the user chose.
struct Widths {
    std::size_t address = sizeof "ADDRESS" - 1;
    std::size_t member = sizeof "MEMBER" - 1;
};

void print_row(Output& output, const MemberReport& member, const Widths& widths) {
    output.print("{:<{}}  {:<{}}  ", member.address, widths.address, member.member, widths.member);
    if (member.reason != base::Reason::kCompleted) {
        output.print("{}: {}\n", to_string(member.reason), member.message);
        return;
    }
    const auto& tls = member.tls;
    const bool dated = tls && tls->server_certificate_expires;
    output.print("{:<11}  {:>7}  {:>11}  {:<7}  {:<28}  {:<12}  {:<20}  {}\n", to_string(member.role),
                 member.lag ? std::to_string(*member.lag) : "unknown", member.last_transaction,
                 tls ? tls->version : "none", tls ? tls->cipher : "-",
                 !tls                                ? "-"
                 : tls->client_certificate_requested ? "demanded"
                                                     : "not demanded",
                 dated ? base::format_rfc3339(*tls->server_certificate_expires) : "-", member.store_id);
}

void print_table(Output& output, const RunReport& report) {
    Widths widths;
    std::set<base::SystemTime> ours;
    for (const auto& member : report.members) {
        widths.address = std::max(widths.address, member.address.size());
        widths.member = std::max(widths.member, member.member.size());
        if (member.tls && member.tls->certificate_expires) ours.insert(*member.tls->certificate_expires);
    }
    output.print("{:<{}}  {:<{}}  {:<11}  {:>7}  {:>11}  {:<7}  {:<28}  {:<12}  {:<20}  {}\n", "ADDRESS",
                 widths.address, "MEMBER", widths.member, "ROLE", "LAG", "TRANSACTION", "TLS", "CIPHER", "CLIENT CERT",
                 "SERVER CERT UNTIL", "STORE ID");
    for (const auto& member : report.members) print_row(output, member, widths);
    for (const auto& time : ours) output.print("our certificate is valid until {}\n", base::format_rfc3339(time));
    if (report.reason == base::Reason::kCompleted) output.print("{}\n", report.message);
}

void print_lines(Output& output, const RunReport& report) {
    if (report.members.empty())
        return print_json(output, {{"reason", to_string(report.reason)}, {"message", report.message}});
    for (const auto& member : report.members) print_json(output, json_of(member));
}

RunReport probe(const contract::RunSpec& spec, base::SteadyTime started, const std::stop_token& stop) {
    const auto dialer = dialer_for(spec);
    return dialer ? engine::probe(spec, **dialer, started, stop) : report_of(spec, dialer.error());
}

}  // namespace

int run(const ProbeOptions& options, base::SteadyTime started, std::stop_token stop) {
    const auto report = probe(options.spec, started, stop);
    Output output;
    switch (options.output) {
        case ProbeOutput::kReport:
            return conclude(report);
        case ProbeOutput::kTable:
            if (!report.members.empty()) print_table(output, report);
            break;
        case ProbeOutput::kJson:
            print_lines(output, report);
            break;
    }
    return finish(tell_outcome(report), output);
}

}  // namespace n4b::runner
