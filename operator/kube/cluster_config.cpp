#include "operator/kube/cluster_config.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <yaml-cpp/yaml.h>

#include <filesystem>
#include <fstream>
#include <set>

namespace n4b::kube {
namespace {

using base::ErrorCode;
using base::Result;

constexpr std::size_t kMaxFileBytes = std::size_t{1} << 20;
constexpr char kServiceAccount[] = "/var/run/secrets/kubernetes.io/serviceaccount/";

Result<std::string> read_file(const std::string& path, const std::string& what) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return base::fail(ErrorCode::kInvalid, fmt::format("{}: can't read {}", what, path));
    std::string text(kMaxFileBytes + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(file.gcount()));
    if (text.size() > kMaxFileBytes)
        return base::fail(ErrorCode::kInvalid, fmt::format("{}: {} is too long", what, path));
    return text;
}

Result<std::string> decode_base64(const std::string& text, const std::string& field) {
    std::string plain(text.size() / 4 * 3 + 3, '\0');
    const int size =
        EVP_DecodeBlock(reinterpret_cast<unsigned char*>(plain.data()),
                        reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
    if (size < 0) return base::fail(ErrorCode::kInvalid, field + ": not base64");
    std::size_t length = static_cast<std::size_t>(size);
    for (std::size_t i = text.size(); i > 0 && text[i - 1] == '=' && length > 0; --i) --length;
    plain.resize(length);
    return plain;
}

/// The element of that name in a list of {name, <kind>: {...}}.
Result<YAML::Node> named(const YAML::Node& root, const std::string& list, const std::string& kind,
                         const std::string& name) {
    for (const auto& element : root[list]) {
        if (element["name"].as<std::string>("") == name && element[kind].IsMap()) return element[kind];
    }
    return base::fail(ErrorCode::kInvalid, fmt::format("{}: no element named \"{}\" with a {}", list, name, kind));
}

Result<void> allow_only(const YAML::Node& node, const std::string& path, const std::set<std::string>& known) {
    for (const auto& member : node) {
        const auto key = member.first.as<std::string>("");
        if (known.contains(key)) continue;
        if (key == "exec" || key == "auth-provider") {
            return base::fail(
                ErrorCode::kInvalid,
                fmt::format("{}.{}: plug-ins are not supported; use a client certificate or a token", path, key));
        }
        return base::fail(ErrorCode::kInvalid, fmt::format("{}.{}: not supported", path, key));
    }
    return {};
}

/// <key>-data (base64) or <key> (a file); empty when neither is there.
Result<std::string> data_or_file(const YAML::Node& node, const std::string& path, const std::string& key,
                                 const std::string& directory) {
    if (const auto data = node[key + "-data"]) return decode_base64(data.as<std::string>(), path + "." + key + "-data");
    if (const auto file = node[key]) {
        return read_file(std::filesystem::path(directory) / file.as<std::string>(), path + "." + key);
    }
    return std::string();
}

Result<ClusterConfig> read_config(const YAML::Node& root, const std::string& directory) {
    const auto current = root["current-context"].as<std::string>("");
    if (current.empty()) return base::fail(ErrorCode::kInvalid, "current-context: missing");
    N4B_TRY(const auto context, named(root, "contexts", "context", current));
    N4B_TRY(const auto cluster, named(root, "clusters", "cluster", context["cluster"].as<std::string>("")));
    N4B_TRY(const auto user, named(root, "users", "user", context["user"].as<std::string>("")));
    N4B_TRY_VOID(allow_only(cluster, "cluster",
                            {"server", "certificate-authority", "certificate-authority-data", "extensions"}));
    N4B_TRY_VOID(allow_only(user, "user",
                            {"client-certificate", "client-certificate-data", "client-key", "client-key-data", "token",
                             "tokenFile", "extensions"}));
    ClusterConfig config;
    config.server = cluster["server"].as<std::string>("");
    if (config.server.empty()) return base::fail(ErrorCode::kInvalid, "cluster.server: missing");
    N4B_TRY(config.ca_pem, data_or_file(cluster, "cluster", "certificate-authority", directory));
    N4B_TRY(config.client_certificate, data_or_file(user, "user", "client-certificate", directory));
    N4B_TRY(config.client_key, data_or_file(user, "user", "client-key", directory));
    config.token = user["token"].as<std::string>("");
    if (const auto file = user["tokenFile"])
        config.token_file = std::filesystem::path(directory) / file.as<std::string>();
    return config;
}

}  // namespace

Result<ClusterConfig> in_cluster_config() {
    const std::string directory = kServiceAccount;
    ClusterConfig config;
    // Not $KUBERNETES_SERVICE_HOST: it may be an IPv6 literal, and the name stands in every API server's certificate.
    config.server = "https://kubernetes.default.svc";
    auto ca = read_file(directory + "ca.crt", "service account");
    if (!ca) {
        return base::fail(ErrorCode::kFailedPrecondition,
                          "not in a cluster and no --kubeconfig given: " + ca.error().message);
    }
    config.ca_pem = std::move(*ca);
    config.token_file = directory + "token";
    N4B_TRY_VOID(read_file(config.token_file, "service account"));
    return config;
}

Result<ClusterConfig> parse_kubeconfig(const std::string& text, const std::string& directory) {
    try {
        const auto root = YAML::Load(text);
        if (!root.IsMap()) return base::fail(ErrorCode::kInvalid, "found no mapping, expected a kubeconfig");
        return read_config(root, directory);
    } catch (const YAML::Exception& error) {
        return base::fail(ErrorCode::kInvalid, error.what());
    }
}

Result<ClusterConfig> load_kubeconfig(const std::string& path) {
    N4B_TRY(const std::string text, read_file(path, "kubeconfig"));
    auto config = parse_kubeconfig(text, std::filesystem::path(path).parent_path());
    if (!config) return base::fail(config.error().wrap("kubeconfig " + path));
    return config;
}

}  // namespace n4b::kube
