#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "backup-runner/catchup/messages.hpp"
#include "common/base/result.hpp"

namespace n4b::engine {

inline constexpr std::string_view kNeostore = "neostore";

/// Whether a server may send a store file of that name. Invalid (SourceProtocolError): not a name that a file can be
/// stored under (archive/names), or reserved: what Neo4j or a restore would take for something else. No server lists
/// transaction logs or locks.
base::Result<void> check_store_file_name(std::string_view name);

/// Whether the list that ends PREPARE can be that of a store: a checkpoint, good names, none twice, and together with
/// the files `received` before it all that every store has. Invalid (SourceProtocolError) with what is wrong.
base::Result<void> check_store_list(const catchup::Prepared& prepared, const std::set<std::string>& received);

/// Puts what is large in a typical store first, so that the last connection does not end alone.
void sort_largest_first(std::vector<std::string>& names);

}  // namespace n4b::engine
