#pragma once

#include <string>
#include <string_view>

#include "operator/api/key_ref.hpp"
#include "operator/run/job_builder.hpp"

namespace n4b::run {

/// Names of volumes that hold credentials, by which a failed mount is told from one of a claim.
inline constexpr char kSourceTlsVolume[] = "source-tls";
inline constexpr char kTrustVolume[] = "trust-";  ///< A number follows.
inline constexpr char kStorageCredentialsVolume[] = "storage-credentials";
inline constexpr char kStorageCaVolume[] = "storage-ca";

/// The file that a mounted key becomes.
inline constexpr char kKeyFile[] = "ca.crt";

/// Whether the message of a failed mount is about one of them.
bool is_about_credentials(std::string_view message);

/// All keys of a Secret as files, which the runner's group alone can read.
Mount secret_mount(const std::string& name, const std::string& path, const std::string& secret);

/// One key as the file kKeyFile in the directory `path`.
Mount key_mount(const std::string& name, const std::string& path, const api::KeyRef& ref);

/// The volume of a claim, for writing.
Mount claim_mount(const std::string& name, const std::string& path, const std::string& claim);

}  // namespace n4b::run
