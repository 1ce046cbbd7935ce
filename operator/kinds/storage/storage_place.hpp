#pragma once

#include <vector>

#include "common/contract/run_spec.hpp"
#include "operator/kinds/storage/storage.hpp"
#include "operator/run/job_builder.hpp"

namespace n4b::storage {

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
