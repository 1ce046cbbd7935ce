#include "operator/run/mounts.hpp"

#include <algorithm>

#include "common/base/json_object.hpp"

namespace n4b::run {
namespace {

using base::Json;

/// Readable by the runner's group (fsGroup) and by nobody else.
constexpr int kSecretMode = 0440;

Mount mount(const std::string& name, const std::string& path, Json volume) {
    volume["name"] = name;
    return {.name = name, .path = path, .volume = volume.dump()};
}

}  // namespace

bool is_about_credentials(std::string_view message) {
    const auto names = {std::string(kSourceTlsVolume) + '"', std::string(kTrustVolume),
                        std::string(kStorageCredentialsVolume) + '"', std::string(kStorageCaVolume) + '"',
                        std::string(kStorageProxyVolume) + '"'};
    return std::any_of(names.begin(), names.end(),
                       [&](const auto& name) { return message.find("volume \"" + name) != std::string_view::npos; });
}

Mount secret_mount(const std::string& name, const std::string& path, const std::string& secret) {
    return mount(name, path, {{"secret", {{"secretName", secret}, {"defaultMode", kSecretMode}}}});
}

Mount key_mount(const std::string& name, const std::string& path, const api::KeyRef& ref) {
    const Json items = Json::array({{{"key", ref.key}, {"path", kKeyFile}}});
    if (ref.kind == api::KeyRef::Kind::kConfigMap) {
        return mount(name, path, {{"configMap", {{"name", ref.name}, {"items", items}}}});
    }
    return mount(name, path, {{"secret", {{"secretName", ref.name}, {"defaultMode", kSecretMode}, {"items", items}}}});
}

Mount token_mount(const std::string& name, const std::string& path, const std::string& audience,
                  std::chrono::seconds lifetime) {
    const Json token{{"serviceAccountToken",
                      {{"audience", audience}, {"expirationSeconds", lifetime.count()}, {"path", kTokenFile}}}};
    return mount(name, path, {{"projected", {{"sources", Json::array({token})}, {"defaultMode", kSecretMode}}}});
}

Mount claim_mount(const std::string& name, const std::string& path, const std::string& claim) {
    auto made = mount(name, path, {{"persistentVolumeClaim", {{"claimName", claim}}}});
    made.access = Mount::Access::kWrite;
    return made;
}

}  // namespace n4b::run
