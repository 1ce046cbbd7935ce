#pragma once

#include "common/base/clock.hpp"
#include "operator/jobs/catalogue_collector.hpp"
#include "operator/jobs/lock_keeper.hpp"
#include "operator/jobs/run_driver.hpp"
#include "operator/kinds/catalogue.hpp"
#include "operator/kube/client.hpp"
#include "operator/kube/event_recorder.hpp"
#include "operator/run/job_builder.hpp"
#include "operator/telemetry/metrics.hpp"

namespace n4b::kinds {

/// What the operator lends to every kind. All of it is thread-safe and outlives the kinds.
struct Environment {
    kube::Client& client;
    kube::EventRecorder& events;
    jobs::RunDriver& driver;
    jobs::LockKeeper& locks;
    jobs::CatalogueCollector& collector;
    Catalogue& catalogue;
    telemetry::Metrics& metrics;
    const base::Clock& clock;  ///< The API server's.
    const run::RunnerConfig& config;
    int workers = 2;  ///< For kinds that start Jobs.
};

}  // namespace n4b::kinds
