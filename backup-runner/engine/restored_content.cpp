#include "backup-runner/engine/restored_content.hpp"

#include <fmt/format.h>

#include <string_view>

#include "backup-runner/archive/names.hpp"
#include "backup-runner/engine/store_list.hpp"
#include "backup-runner/format/damage.hpp"
#include "common/base/saturating.hpp"

namespace n4b::engine {
namespace {

using format::damaged;

tl::unexpected<base::Error> bad_path(const std::string& path, std::string_view why) {
    return damaged(fmt::format("index: the path {} {}", archive::quoted_name(path), why));
}

}  // namespace

base::Result<std::string> RestoredContent::add_file(const std::string& path, std::int64_t bytes) {
    auto relative = archive::file_path(path);
    if (!relative || !check_store_file_name(path)) {
        return bad_path(path,
                        "is none of a store file; expected a relative one, in UTF-8, without \"..\" and control "
                        "characters, and not reserved for logs, locks and restores");
    }
    if (names_.add(*relative) != NameClash::kNone) return bad_path(path, "is there twice, or is a directory as well");
    has_neostore_ = has_neostore_ || *relative == kNeostore;
    ++files_;
    bytes_ = base::saturating_sum(bytes_, bytes);
    return relative;
}

base::Result<void> RestoredContent::add_log(std::int64_t bytes) {
    if (++logs_ > 1) return damaged("index: there are two logs");
    bytes_ = base::saturating_sum(bytes_, bytes);
    return {};
}

base::Result<void> RestoredContent::compare(const format::Head& head) const {
    const auto& promised = head.counts;
    const bool full = head.name.sequence == 0;
    if (full && !has_neostore_) return damaged("index: there is no neostore in it");
    if (!full && files_ > 0)
        return damaged(fmt::format("index: found {} files in an increment, expected none", files_));
    const bool log = has_log() || promised.transactions == 0;
    if (files_ == promised.files && bytes_ == promised.plain_bytes && log) return {};
    return damaged(fmt::format(
        "index: found {} files, {} log and {} bytes, expected {} files, {} transactions and {} "
        "bytes, as the head says",
        files_, has_log() ? "a" : "no", bytes_, promised.files, promised.transactions, promised.plain_bytes));
}

}  // namespace n4b::engine
