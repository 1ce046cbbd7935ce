#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include "operator/api/workload.hpp"
#include "operator/kinds/storage/storage.hpp"
#include "operator/run/preparation.hpp"

namespace n4b::storage {

/// What is known about a storage's claim; of a bucket nothing.
struct ClaimInputs {
    std::optional<api::Claim> claim{};  ///< Nothing: there is no such claim.
    std::vector<api::EventRecord> events{};
};

/// The storage as the run machine sees it: each look is a run, and its attempts go on counting from look to look.
run::RunOwner owner_of(const Storage& storage);

/// Why no pod could mount the storage now: its claim isn't there, or not bound and not waiting for its first pod.
/// Nothing for a bucket.
std::optional<run::Hindrance> closed_gate(const Storage& storage, const ClaimInputs& inputs);

/// What is shown of a storage's chains.
struct ShownChains {
    std::size_t count = 0;
    bool outdated = false;  ///< Some went since the last look.
};

/// How long until the storage is to be looked at anew; 0: now. The spec has changed since the last look, or that was
/// probeInterval ago; after a failure it is looked at again sooner, so that a repair shows, and so it is where fewer
/// chains are shown than the last look found, or some that are gone. `closed`: a look that waits at the gate tells what
/// is wrong with the claim, and begins when that is over.
std::chrono::milliseconds until_probe(const Storage& storage, bool closed, const ShownChains& shown,
                                      base::SystemTime now);

/// The status with which the next look begins.
StorageStatus begun(const StorageStatus& status);

/// The locks that must be free when a look starts: its own, and that of its claim, since a pod on another node could
/// not mount a volume that a run holds. A look takes only its own. With the claim's, one whose pod can't start would
/// keep backups waiting until it gives up; without it, a backup at worst waits for the volume to come over from a look
/// that takes seconds.
std::vector<std::string> awaited_locks(const Storage& storage);

/// The Job of a look.
run::Preparation prepare(const Storage& storage, const ClaimInputs& inputs, const run::RunnerConfig& config);

/// The status after a step of the run machine: what was found, and the conditions Ready, Reachable, Writable,
/// ExclusiveCreate and Catalogued. `listed`: whether the chains are here that the step's report tells of. Adds events
/// to the step.
StorageStatus status_after(const Storage& storage, run::RunStep& step, bool listed, base::SystemTime now);

}  // namespace n4b::storage
