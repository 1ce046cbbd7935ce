#pragma once

#include <chrono>
#include <functional>

#include "backup-runner/engine/catalogue.hpp"
#include "backup-runner/object_store/object_store.hpp"
#include "common/base/result.hpp"

namespace n4b::engine {

/// Whether a storage that answers so lets nobody write: nothing can be deleted there by whoever may do no more than we.
bool lets_nobody_write(const base::Error& error);

/// How long a hold counts that nobody renews, and when it is renewed.
struct HoldTimes {
    std::chrono::milliseconds counts = std::chrono::hours(2);
    std::chrono::milliseconds renewed = std::chrono::minutes(40);
};

/// Reads an artifact while a hold keeps its chain from being deleted. A storage that lets nobody write is read without
/// one, silently; any other failure to place or renew it is a warning. `read` is called once the hold is there and
/// neither closed.json nor abandoned.json is. Its result is returned; where it failed and the artifact is not wanted
/// any more by then, Conflict (ArtifactConflict) in its place: what a deletion has removed already is no damage.
base::Result<void> read_under_hold(object_store::ObjectStore& store, const Artifact& artifact,
                                   const std::function<base::Result<void>()>& read, const object_store::Call& call,
                                   const HoldTimes& times = {});

}  // namespace n4b::engine
