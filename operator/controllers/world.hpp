#pragma once

#include "operator/api/backup.hpp"
#include "operator/api/workload.hpp"
#include "operator/kube/store.hpp"

namespace n4b::controllers {

/// The stores that controllers read; reflectors write them.
struct World {
    kube::Store<api::Backup> backups;
    kube::Store<api::Storage> storages;
    kube::Store<api::Job> jobs;  ///< Only ours.
    kube::Store<api::Pod> pods;  ///< Only ours.
};

}  // namespace n4b::controllers
