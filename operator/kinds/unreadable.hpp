#pragma once

#include <functional>
#include <string>

#include "operator/kinds/environment.hpp"
#include "operator/kube/store.hpp"

namespace n4b::kinds {

/// Tells of an object of that kind which can't be read by a Warning event on it. The object counts as there, and what
/// it holds is not freed; a person has to make it readable.
std::function<void(const kube::Unreadable&)> tell_unreadable(const Environment& environment, const std::string& kind);

}  // namespace n4b::kinds
