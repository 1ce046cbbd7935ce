#include "operator/kinds/source/tls_mounts.hpp"

#include <fmt/format.h>

#include "operator/run/mounts.hpp"

namespace n4b::source {
std::vector<run::Mount> tls_mounts(const Source& source) {
    std::vector<run::Mount> result;
    if (!source.spec.tls) return result;
    const auto& tls = *source.spec.tls;
    if (!tls.secret.empty()) {
        result.push_back(run::secret_mount(run::kSourceTlsVolume, "/tls/source", tls.secret));
    }
    for (std::size_t i = 0; i < tls.trust.size(); ++i) {
        const auto name = fmt::format("{}{}", run::kTrustVolume, i);
        result.push_back(run::key_mount(name, "/tls/" + name, tls.trust[i]));
    }
    return result;
}

std::optional<contract::TlsSpec> tls_spec(const Source& source) {
    if (!source.spec.tls) return std::nullopt;
    const auto& tls = *source.spec.tls;
    contract::TlsSpec spec{.verification = tls.verification, .server_name = tls.server_name};
    for (const auto& mounted : tls_mounts(source)) {
        if (mounted.name == run::kSourceTlsVolume) {
            spec.directory = mounted.path;
        } else {
            spec.trust.push_back(mounted.path + "/" + run::kKeyFile);
        }
    }
    if (spec.server_name.empty() && source.spec.service && tls.verification == contract::TlsVerification::kFull) {
        // Pods are dialled by address, which no certificate bears.
        spec.server_name = fmt::format("{}.{}.svc", source.spec.service->name, source.meta.object_namespace);
    }
    return spec;
}

}  // namespace n4b::source
