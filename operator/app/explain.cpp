#include "operator/app/explain.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>

#include "common/base/rfc3339.hpp"
#include "operator/schedule/slots.hpp"

namespace n4b::operator_app {
namespace {

// "2026-03-29T03:00:00+02:00"
std::string with_offset(schedule::sys_seconds at, std::chrono::seconds offset) {
    const auto minutes = std::chrono::abs(std::chrono::round<std::chrono::minutes>(offset)).count();
    auto text = base::format_rfc3339(at + offset);
    text.pop_back();  // the Z
    return text + fmt::format("{}{:02}:{:02}", offset.count() < 0 ? '-' : '+', minutes / 60, minutes % 60);
}

}  // namespace

base::Result<std::string> explain(const ExplainRequest& request) {
    auto line = schedule::CronLine::parse(request.line);
    if (!line) return base::fail(line.error().wrap("the line"));
    auto zone = schedule::TimeZone::find(request.time_zone);
    if (!zone) return base::fail(zone.error().wrap("--time-zone"));
    std::string text;
    auto after = std::chrono::floor<std::chrono::seconds>(request.from);
    for (int i = 0; i < request.count; ++i) {
        const auto slot = schedule::next_slot(*line, *zone, after);
        if (!slot) break;
        after = slot->at;
        text += with_offset(slot->at, zone->span_at(slot->at).offset) + "\n";
    }
    return text;
}

int run_explain(int argc, char** argv) {
    ExplainRequest request{.line = {}, .time_zone = {}, .from = base::RealClock().system_now(), .count = 5};
    CLI::App app("Tells when a cadence's line of cron is due next.", "neo4j-backup-operator explain");
    app.add_option("CRON", request.line, "five fields or @daily and the like, in quotes")->required();
    app.add_option("--time-zone", request.time_zone, "zone of the IANA time zone database (default: UTC)");
    std::string from;
    app.add_option("--from", from, "tell what is due after this time, in RFC 3339 (default: now)");
    app.add_option("--count", request.count, "how many times")->check(CLI::Range(1, 10000))->capture_default_str();
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error);
    }
    const auto refuse = [](const std::string& message) {
        std::cerr << "neo4j-backup-operator explain: " << message << "\n";
        return static_cast<int>(CLI::ExitCodes::ValidationError);
    };
    if (!from.empty()) {
        const auto time = base::parse_rfc3339(from);
        if (!time) return refuse("--from: " + time.error().message);
        request.from = *time;
    }
    const auto text = explain(request);
    if (!text) return refuse(text.error().message);
    std::cout << *text;
    return EXIT_SUCCESS;
}

}  // namespace n4b::operator_app
