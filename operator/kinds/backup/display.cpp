#include "operator/kinds/backup/display.hpp"

#include "common/base/quantity.hpp"
#include "operator/api/for_people.hpp"

namespace n4b::backup {

Display display_of(const BackupStatus& status) {
    Display display;
    if (status.artifact) {
        display.kind = status.artifact->kind;
        display.size = base::bytes_for_people(status.artifact->bytes);
        display.stored = base::bytes_for_people(status.artifact->stored_bytes);
    }
    if (status.up_to_date) display.kind = "UpToDate";
    if (status.run.started && status.run.completed) {
        display.took = api::span_for_people(*status.run.completed - *status.run.started);
    }
    if (status.source) {
        display.from = status.source->member.empty() ? status.source->address : status.source->member;
    }
    return display;
}

}  // namespace n4b::backup
