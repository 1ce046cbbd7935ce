#pragma once

#include <memory>

#include "operator/controllers/backup_controller.hpp"

namespace n4b::controllers {

/// What can tell how an attempt stands.
struct BackupController::Witnesses {
    std::shared_ptr<const api::Job> job{};
    std::shared_ptr<const api::Pod> pod{};
};

/// Whether the pod is one of the attempt's Job.
bool is_of(const api::Pod& pod, const api::Backup& backup, const api::Attempt& attempt);

}  // namespace n4b::controllers
