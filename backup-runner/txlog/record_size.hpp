#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace n4b::txlog {

/// How long one record of a store file is, by the file's name, where that is known of a store's version: of the files
/// of v0.A.9 (3.4, 3.5, ONgDB) whose records have a size of their own, which no setting changes. Nothing otherwise.
std::optional<std::int64_t> record_bytes(std::string_view store_version, std::string_view file);

/// Whether a store file of such records can have that many bytes: it has whole records, as many as fill its pages, or
/// only the page of 8192 bytes that its header was written with.
bool is_store_size(std::int64_t bytes, std::int64_t record_bytes);

}  // namespace n4b::txlog
