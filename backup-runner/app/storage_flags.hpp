#pragma once

#include <CLI/App.hpp>
#include <cstdint>
#include <string>

#include "backup-runner/app/store_opening.hpp"
#include "common/base/result.hpp"

namespace n4b::runner {

/// The flags that say which storage is meant and how it is reached.
struct StorageFlags {
    std::string directory_flag = "--in";  ///< How the flag for a directory is called.
    StoreChoice choice{};
    S3Choice s3{};
    std::string path_style = "auto";
    std::string encryption = "none";
    std::string credentials = "auto";
    std::string lock_mode = "none";
    std::int64_t lock_days = 0;
};

/// `directory_help`: what the directory is for.
void add_storage_flags(CLI::App& command, StorageFlags& flags,
                       const std::string& directory_help = "Directory of the repository, on a mounted volume");

/// Invalid (InvalidRunSpec): neither a directory nor a bucket, both, or a flag of S3 beside a directory.
base::Result<StoreChoice> choice_of(const CLI::App& command, const StorageFlags& flags);

}  // namespace n4b::runner
