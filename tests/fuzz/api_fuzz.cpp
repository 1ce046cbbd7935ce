#include <cstdint>
#include <string_view>

#include "common/base/json_object.hpp"
#include "operator/api/pod_profile.hpp"
#include "operator/api/workload.hpp"
#include "operator/kinds/backup/backup.hpp"
#include "operator/kinds/backup_schedule/backup_schedule_plan.hpp"
#include "operator/kinds/backup_schedule/schedule_retention.hpp"
#include "operator/kinds/chain/chain.hpp"
#include "operator/kinds/restore/restore.hpp"
#include "operator/kinds/source/source.hpp"
#include "operator/kinds/storage/storage.hpp"

/// What an API server sends: the objects that the operator watches and reads. Every kind is tried on every input.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace n4b;
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    (void)api::parse_pod_profile(text);
    const auto json = base::parse_json(text, 1024 * 1024, "object");
    if (!json) return 0;
    if (const auto object = backup::parse_backup(*json)) (void)backup::status_json(object->status);
    if (const auto object = source::parse_source(*json)) (void)source::status_json(object->status);
    if (const auto object = storage::parse_storage(*json)) (void)storage::status_json(object->status);
    if (const auto object = restore::parse_restore(*json)) (void)restore::status_json(object->status);
    if (const auto object = chain::parse_chain(*json)) (void)chain::status_json(object->status);
    if (const auto object = backup_schedule::parse_schedule(*json)) {
        (void)backup_schedule::status_json(object->status);
        (void)backup_schedule::decide({.schedule = *object});
        (void)backup_schedule::due_retention(*object, {}, {});
    }
    (void)api::parse_job(*json);
    (void)api::parse_pod(*json);
    (void)api::parse_event(*json);
    (void)api::parse_claim(*json);
    (void)api::parse_pod_claims(*json);
    (void)api::parse_ready_addresses(*json, "backup");
    return 0;
}
