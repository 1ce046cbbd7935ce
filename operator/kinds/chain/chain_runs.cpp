#include "operator/kinds/chain/chain_runs.hpp"

#include "operator/kinds/catalogue.hpp"

namespace n4b::chain {
namespace {

/// "prod" of "prod/graph.db/heads/...".
std::string source_in(const std::string& location) {
    return location.substr(0, location.find('/'));
}

contract::ChainRecord record_of(const backup::BackupStatus& status) {
    auto record = contract::chain_up_to(*status.artifact);
    record.source = source_in(status.artifact->location);
    if (status.source) record.store_id = status.source->store_id;
    return record;
}

}  // namespace

std::string ChainRuns::learn(const backup::Backup& backup) {
    const auto& status = backup.status;
    if (!backup.succeeded() || !status.run.completed) return "";
    const auto& chain = status.artifact ? status.artifact->chain : status.up_to_date ? status.up_to_date->chain : "";
    if (chain.empty()) return "";
    const auto key = backup.meta.object_namespace + "/" + kinds::chain_object_name(backup.spec.storage, chain);
    const auto ended = *status.run.completed;
    const std::scoped_lock lock(mutex_);
    auto& told = told_[key];
    told.storage = backup.spec.storage;
    if (status.artifact) {
        const bool further = !told.stored || told.stored->record.artifacts <= status.artifact->sequence + 1;
        if (further) told.stored = {.ended = ended, .record = record_of(status)};
    } else if (status.up_to_date->current_at) {
        const bool later = !told.nothing_new || told.nothing_new->current_at < *status.up_to_date->current_at;
        if (later) {
            told.nothing_new = {.transaction = status.up_to_date->transaction,
                                .current_at = *status.up_to_date->current_at};
        }
    }
    return key;
}

ToldByRuns ChainRuns::told(const std::string& key) const {
    const std::scoped_lock lock(mutex_);
    const auto found = told_.find(key);
    return found == told_.end() ? ToldByRuns{} : found->second;
}

}  // namespace n4b::chain
