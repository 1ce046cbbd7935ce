#include "operator/kube/kube_metrics.hpp"

#include <algorithm>
#include <map>
#include <string>

namespace n4b::kube {
namespace {

using telemetry::Collected;
using Seconds = std::chrono::duration<double>;

/// Of all reflectors of one kind, one for each namespace.
struct OfKind {
    ReflectorCounts counts{};
    Seconds silent{};
};

}  // namespace

Collected events_metric(const EventRecorder& recorder) {
    const auto counts = recorder.counts();
    const auto value = [](std::uint64_t count) { return static_cast<double>(count); };
    return {.name = "neo4jbackup_events_total",
            .help = "Events by what became of them: written, failed (refused or no answer), dropped (too many waited).",
            .kind = Collected::Kind::kCounter,
            .samples = {{.labels = {{"result", "written"}}, .value = value(counts.written)},
                        {.labels = {{"result", "failed"}}, .value = value(counts.failed)},
                        {.labels = {{"result", "dropped"}}, .value = value(counts.dropped)}}};
}

std::vector<Collected> reflector_metrics(const std::vector<const Reflector*>& reflectors) {
    std::map<std::string, OfKind> kinds;
    for (const auto& reflector : reflectors) {
        auto& kind = kinds[reflector->kind()];
        const auto counts = reflector->counts();
        kind.counts.list_failures += counts.list_failures;
        kind.counts.watch_failures += counts.watch_failures;
        kind.counts.unreadable += counts.unreadable;
        kind.silent = std::max(kind.silent, Seconds(reflector->silent_for()));
    }
    Collected lists{.name = "neo4jbackup_list_failures_total",
                    .help = "Lists of the API server's objects that failed.",
                    .kind = Collected::Kind::kCounter};
    Collected watches{.name = "neo4jbackup_watch_failures_total",
                      .help = "Watches of the API server's objects that broke.",
                      .kind = Collected::Kind::kCounter};
    Collected unreadable{.name = "neo4jbackup_unreadable_objects_total",
                         .help = "Objects from the API server that could not be read, each time they were seen.",
                         .kind = Collected::Kind::kCounter};
    Collected silent{.name = "neo4jbackup_watch_silent_seconds",
                     .help = "How long the API server has said nothing; it speaks about once a minute."};
    for (const auto& [name, kind] : kinds) {
        const auto add = [kind_name = name](Collected& metric, double value) {
            metric.samples.push_back({.labels = {{"kind", kind_name}}, .value = value});
        };
        add(lists, static_cast<double>(kind.counts.list_failures));
        add(watches, static_cast<double>(kind.counts.watch_failures));
        add(unreadable, static_cast<double>(kind.counts.unreadable));
        add(silent, kind.silent.count());
    }
    return {lists, watches, unreadable, silent};
}

}  // namespace n4b::kube
