#include "operator/plan/source_tls.hpp"

#include "common/base/json_object.hpp"

namespace n4b::plan {
namespace {

using base::Json;

/// Readable by the runner's group (fsGroup) and by nobody else.
constexpr int kSecretMode = 0440;
constexpr char kSource[] = "source-tls";

std::string trust_name(std::size_t index) {
    return fmt::format("trust-{}", index);
}

TlsVolume volume(const std::string& name, const std::string& path, Json json) {
    json["name"] = name;
    return {.name = name, .path = path, .json = json.dump()};
}

}  // namespace

std::vector<TlsVolume> tls_volumes(const api::Backup& backup) {
    std::vector<TlsVolume> result;
    if (!backup.spec.tls) return result;
    const auto& tls = *backup.spec.tls;
    if (!tls.secret.empty()) {
        result.push_back(
            volume(kSource, "/tls/source", {{"secret", {{"secretName", tls.secret}, {"defaultMode", kSecretMode}}}}));
    }
    for (std::size_t i = 0; i < tls.trust.size(); ++i) {
        const auto& ref = tls.trust[i];
        const Json items = Json::array({{{"key", ref.key}, {"path", "ca.crt"}}});
        const Json json =
            ref.secret ? Json{{"secret", {{"secretName", ref.name}, {"defaultMode", kSecretMode}, {"items", items}}}}
                       : Json{{"configMap", {{"name", ref.name}, {"items", items}}}};
        result.push_back(volume(trust_name(i), "/tls/" + trust_name(i), json));
    }
    return result;
}

std::optional<contract::TlsSpec> tls_spec(const api::Backup& backup) {
    if (!backup.spec.tls) return std::nullopt;
    const auto& tls = *backup.spec.tls;
    contract::TlsSpec spec{.verification = tls.verification, .server_name = tls.server_name};
    for (const auto& mounted : tls_volumes(backup)) {
        if (mounted.name == kSource) {
            spec.directory = mounted.path;
        } else {
            spec.trust.push_back(mounted.path + "/ca.crt");
        }
    }
    if (spec.server_name.empty() && backup.spec.service && tls.verification == contract::TlsVerification::kFull) {
        // Pods are dialled by address, which no certificate bears.
        spec.server_name = fmt::format("{}.{}.svc", backup.spec.service->name, backup.meta.object_namespace);
    }
    return spec;
}

}  // namespace n4b::plan
