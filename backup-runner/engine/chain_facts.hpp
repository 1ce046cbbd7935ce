#pragma once

#include <string_view>

/// The facts about chains that stand in a storage, as their names tell them (format::FactName).
namespace n4b::engine {

/// The chain was found damaged: nothing goes on from it.
inline constexpr std::string_view kDamagedFact = "Damaged";
/// The source had nothing behind the transaction at that time.
inline constexpr std::string_view kUpToDateFact = "UpToDate";

}  // namespace n4b::engine
