#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_set>

namespace n4b::engine {

/// Whether a file can stand in a directory beside others.
enum class NameClash {
    kNone,
    kTaken,       ///< A file or a directory has the path.
    kBelowAFile,  ///< A part of the path is a file.
};

/// Relative paths of the files of one database directory. It can't hold two files of one name, nor a file where another
/// one needs a directory, so an artifact that held them could not be restored. Remembers a hash of 8 bytes for each
/// path, since a store may have tens of thousands of files. One thread.
class StoreFileNames {
public:
    NameClash add(std::string_view path);

private:
    std::unordered_set<std::uint64_t> files_{};
    std::unordered_set<std::uint64_t> directories_{};
};

}  // namespace n4b::engine
