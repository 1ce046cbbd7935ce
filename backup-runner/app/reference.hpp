#pragma once

#include <CLI/App.hpp>
#include <string>

namespace n4b::runner {

/// What the command line is declared to be, as a manual page (troff with the macros of man(7)) and as Markdown. Flags
/// of a group of their own, which several commands have, stand once, with the names of those commands.
std::string man_page(const CLI::App& app);
std::string flag_tables(const CLI::App& app);

}  // namespace n4b::runner
