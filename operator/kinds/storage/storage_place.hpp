#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/contract/run_spec.hpp"
#include "operator/api/workload.hpp"
#include "operator/kinds/storage/storage.hpp"
#include "operator/run/job_builder.hpp"
#include "operator/run/run_machine.hpp"

namespace n4b::storage {

/// Why no run can use the storage of that name; nothing: one can. `storage`: null: there is none. `claim`: of a volume;
/// nothing: there is none.
std::optional<run::Hindrance> closed_place(const std::string& name, const Storage* storage,
                                           const std::optional<api::Claim>& claim);

/// The lock of the storage's volume; nothing: any number of pods may have it at once.
std::optional<std::string> volume_lock(const Storage& storage, const std::optional<api::Claim>& claim);

/// How a run's pod is to be: the operator's defaults, over them what the storage says, and over that the run's own
/// resources.
api::PodProfile profile_of(const Storage& storage, const api::Resources& resources, const run::RunnerConfig& config);

/// What every pod on the storage mounts: the claim at /backup for writing; or the Secret with the bucket's key at
/// /storage/credentials, or a token of the pod's service account as /storage/token/token; its CA as /storage/ca/ca.crt,
/// and the Secret of its proxy at /storage/proxy. The kubelet mounts them; the operator reads none.
std::vector<run::Mount> mounts_of(const Storage& storage);

/// Tells the runner where the storage is: paths, never secrets.
void name_storage(const Storage& storage, contract::RunSpec& spec);

/// Tells the runner which repository has to be there, or, as long as none is known, that it makes one of an empty
/// place. Backups and the first look may do so at the same time; its id is the object's uid, so that all of them write
/// the same, also to a storage where the later of two replaces the earlier one's file.
void name_repository(const Storage& storage, contract::RunSpec& spec);

}  // namespace n4b::storage
