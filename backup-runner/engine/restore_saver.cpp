#include "backup-runner/engine/restore_saver.hpp"

#include "backup-runner/engine/restore_target.hpp"

namespace n4b::engine {
namespace {

using base::Result;

/// What a killed attempt left of it is in the file itself now, for every attempt to come.
Result<void> drop_unfinished(RestoredFile& file) {
    if (file.had == 0) return {};
    file.had = 0;
    return at_target(file.in->remove(unfinished_name(file.path)));
}

}  // namespace

Result<std::unique_ptr<storage::Writer>> begin_file(storage::Storage& in, const std::string& path, std::int64_t had,
                                                    storage::Caching caching) {
    if (had == 0) return at_target(in.create(path, caching));
    return at_target(in.create_from(path, unfinished_name(path), had, caching));
}

bool RestoreSaver::is_time(std::size_t written) {
    unsaved_ += static_cast<std::int64_t>(written);
    return journal_ != nullptr && unsaved_ >= every_;
}

Result<void> RestoreSaver::save(RestoredFile& file) {
    N4B_TRY(const auto reached, at_target(file.writer->sync()));
    const auto bytes = reached / kUnit * kUnit;
    if (bytes <= file.told) return {};
    N4B_TRY_VOID(drop_unfinished(file));
    file.told = bytes;
    return at_target(journal_->reached(file.path, bytes));
}

Result<void> RestoreSaver::saved() {
    unsaved_ = 0;
    return at_target(journal_->sync());
}

Result<void> RestoreSaver::finish(RestoredFile& file, std::int64_t bytes) {
    N4B_TRY_VOID(at_target(file.writer->finish()));
    N4B_TRY_VOID(drop_unfinished(file));
    if (journal_ == nullptr || bytes < kUnit) return {};
    return at_target(journal_->finished(file.path, bytes));
}

}  // namespace n4b::engine
