#include "backup-runner/engine/restored_names.hpp"

#include <fmt/format.h>

#include <string_view>

#include "backup-runner/archive/names.hpp"
#include "backup-runner/engine/store_list.hpp"

namespace n4b::engine {
namespace {

tl::unexpected<base::Error> damaged(const std::string& path, std::string_view why) {
    return base::fail(base::ErrorCode::kDataLoss, base::Reason::kArtifactDamaged,
                      fmt::format("index: the path {} {}", archive::quoted_name(path), why));
}

}  // namespace

base::Result<std::string> RestoredNames::add(const std::string& path) {
    auto relative = archive::file_path(path);
    if (!relative || !check_store_file_name(path)) {
        return damaged(path,
                       "is none of a store file; expected a relative one, in UTF-8, without \"..\" and control "
                       "characters, and not reserved for logs, locks and restores");
    }
    if (names_.add(*relative) != NameClash::kNone) return damaged(path, "is there twice, or is a directory as well");
    has_neostore_ = has_neostore_ || *relative == kNeostore;
    return relative;
}

}  // namespace n4b::engine
