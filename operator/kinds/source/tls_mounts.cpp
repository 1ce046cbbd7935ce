#include "operator/kinds/source/tls_mounts.hpp"

#include "common/base/json_object.hpp"

namespace n4b::source {
namespace {

using base::Json;

/// Readable by the runner's group (fsGroup) and by nobody else.
constexpr int kSecretMode = 0440;
constexpr char kSource[] = "source-tls";

run::Mount mount(const std::string& name, const std::string& path, Json volume) {
    volume["name"] = name;
    return {.name = name, .path = path, .volume = volume.dump()};
}

Json trusted_key(const KeyRef& ref) {
    const Json items = Json::array({{{"key", ref.key}, {"path", "ca.crt"}}});
    if (ref.kind == KeyRef::Kind::kConfigMap) return {{"configMap", {{"name", ref.name}, {"items", items}}}};
    return {{"secret", {{"secretName", ref.name}, {"defaultMode", kSecretMode}, {"items", items}}}};
}

}  // namespace

std::vector<run::Mount> tls_mounts(const Source& source) {
    std::vector<run::Mount> result;
    if (!source.spec.tls) return result;
    const auto& tls = *source.spec.tls;
    if (!tls.secret.empty()) {
        result.push_back(
            mount(kSource, "/tls/source", {{"secret", {{"secretName", tls.secret}, {"defaultMode", kSecretMode}}}}));
    }
    for (std::size_t i = 0; i < tls.trust.size(); ++i) {
        const auto name = fmt::format("trust-{}", i);
        result.push_back(mount(name, "/tls/" + name, trusted_key(tls.trust[i])));
    }
    return result;
}

std::optional<contract::TlsSpec> tls_spec(const Source& source) {
    if (!source.spec.tls) return std::nullopt;
    const auto& tls = *source.spec.tls;
    contract::TlsSpec spec{.verification = tls.verification, .server_name = tls.server_name};
    for (const auto& mounted : tls_mounts(source)) {
        if (mounted.name == kSource) {
            spec.directory = mounted.path;
        } else {
            spec.trust.push_back(mounted.path + "/ca.crt");
        }
    }
    if (spec.server_name.empty() && source.spec.service && tls.verification == contract::TlsVerification::kFull) {
        // Pods are dialled by address, which no certificate bears.
        spec.server_name = fmt::format("{}.{}.svc", source.spec.service->name, source.meta.object_namespace);
    }
    return spec;
}

}  // namespace n4b::source
