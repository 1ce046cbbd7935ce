#include "backup-runner/storage/volume_error.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <system_error>

namespace n4b::storage {

using base::ErrorCode;
using base::Reason;

tl::unexpected<base::Error> volume_failure(int error, std::string_view what, const std::string& path) {
    const auto text = fmt::format("{} {}: {}", what, path, std::generic_category().message(error));
    switch (error) {
        case ENOSPC:
        case EDQUOT:
        case EFBIG:
            return base::fail(ErrorCode::kFailedPrecondition, Reason::kStorageFull, text);
        case EROFS:
            return base::fail(ErrorCode::kFailedPrecondition, Reason::kStorageReadOnly, text);
        case EACCES:
        case EPERM:
            return base::fail(ErrorCode::kPermissionDenied, Reason::kStoragePermission, text);
        case EEXIST:
            return base::fail(ErrorCode::kAlreadyExists, Reason::kArtifactConflict, text);
        case ENOENT:
        case ENOTDIR:
            return base::fail(ErrorCode::kNotFound, Reason::kStorageUnavailable, text);
        default:
            return base::fail(ErrorCode::kUnavailable, Reason::kStorageUnavailable, text);
    }
}

}  // namespace n4b::storage
