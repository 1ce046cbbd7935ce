#pragma once

#include <string>

#include "common/base/result.hpp"

namespace n4b::kube {

/// How to reach the API server, and as whom.
struct ClusterConfig {
    std::string server{};  ///< "https://host:port"
    std::string ca_pem{};
    std::string client_certificate{};  ///< PEM
    std::string client_key{};          ///< PEM
    std::string token{};
    std::string token_file{};  ///< Read again every minute: tokens of service accounts rotate.
};

/// The pod's service account. FailedPrecondition: its files are not there.
base::Result<ClusterConfig> in_cluster_config();

/// The current context of a kubeconfig of at most 1 MiB: client certificate, token or token file, and CA, inline or by
/// file (relative to the kubeconfig). Invalid, naming the field: exec and auth-provider plug-ins, passwords,
/// insecure-skip-tls-verify, proxies, unknown fields, missing or unreadable parts.
base::Result<ClusterConfig> load_kubeconfig(const std::string& path);

/// The same from text; `directory` resolves relative file names.
base::Result<ClusterConfig> parse_kubeconfig(const std::string& text, const std::string& directory);

}  // namespace n4b::kube
