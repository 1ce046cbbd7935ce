#pragma once

#include <chrono>
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
inline constexpr char kStorageProxyVolume[] = "storage-proxy";

/// The name of the volume with a token of the pod's service account.
inline constexpr char kStorageTokenVolume[] = "storage-token";

/// The file that such a token becomes.
inline constexpr char kTokenFile[] = "token";

/// The file that a mounted key becomes.
inline constexpr char kKeyFile[] = "ca.crt";

/// Whether the message of a failed mount is about one of them.
bool is_about_credentials(std::string_view message);

/// All keys of a Secret as files, which the runner's group alone can read.
Mount secret_mount(const std::string& name, const std::string& path, const std::string& secret);

/// One key as the file kKeyFile in the directory `path`.
Mount key_mount(const std::string& name, const std::string& path, const api::KeyRef& ref);

/// A token of the pod's service account for `audience` as the file kTokenFile in the directory `path`, which the
/// kubelet renews before its `lifetime` is over. It is no credential for the Kubernetes API, unless that is the
/// audience.
Mount token_mount(const std::string& name, const std::string& path, const std::string& audience,
                  std::chrono::seconds lifetime);

/// The volume of a claim, for writing.
Mount claim_mount(const std::string& name, const std::string& path, const std::string& claim);

}  // namespace n4b::run
