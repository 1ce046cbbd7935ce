#include <cstdint>
#include <string_view>

#include "common/base/json_object.hpp"
#include "operator/api/backup.hpp"
#include "operator/api/workload.hpp"

/// What an API server sends: the objects that the operator watches and reads. Every kind is tried on every input.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace n4b;
    const auto json = base::parse_json({reinterpret_cast<const char*>(data), size}, 1024 * 1024, "object");
    if (!json) return 0;
    if (const auto backup = api::parse_backup(*json)) (void)api::status_patch(backup->meta, backup->status);
    (void)api::parse_storage(*json);
    (void)api::parse_job(*json);
    (void)api::parse_pod(*json);
    (void)api::parse_event(*json);
    (void)api::parse_claim_phase(*json);
    (void)api::parse_ready_addresses(*json, "backup");
    return 0;
}
