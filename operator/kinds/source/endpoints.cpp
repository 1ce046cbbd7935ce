#include "operator/kinds/source/endpoints.hpp"

#include "operator/api/workload.hpp"

namespace n4b::source {
namespace {

constexpr std::size_t kMaxEndpoints = 32;

}  // namespace

base::Result<std::vector<contract::Endpoint>> endpoints_of(kube::Client& client, const Source& source) {
    if (!source.spec.service) return source.spec.endpoints;
    const auto& service = *source.spec.service;
    std::vector<contract::Endpoint> endpoints;
    base::Result<void> read;
    const auto listed =
        client.list(kube::collection_path("/apis/discovery.k8s.io/v1", source.meta.object_namespace, "endpointslices"),
                    "labelSelector=kubernetes.io%2Fservice-name%3D" + service.name, [&](const auto& json) {
                        const auto addresses = api::parse_ready_addresses(json, service.port);
                        if (!addresses) {
                            read = base::fail(addresses.error());
                            return;
                        }
                        for (const auto& address : *addresses) {
                            if (endpoints.size() < kMaxEndpoints) endpoints.push_back(address);
                        }
                    });
    if (!listed) return base::fail(listed.error());
    if (!read) return base::fail(read.error());
    return endpoints;
}

}  // namespace n4b::source
