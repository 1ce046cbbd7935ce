#include "backup-runner/engine/store_file_names.hpp"

#include "common/base/fnv1a.hpp"

namespace n4b::engine {

NameClash StoreFileNames::add(std::string_view path) {
    const auto hash = base::fnv1a(path);
    if (directories_.contains(hash) || !files_.insert(hash).second) return NameClash::kTaken;
    for (auto slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/', slash + 1)) {
        const auto directory = base::fnv1a(path.substr(0, slash));
        if (files_.contains(directory)) return NameClash::kBelowAFile;
        directories_.insert(directory);
    }
    return NameClash::kNone;
}

}  // namespace n4b::engine
