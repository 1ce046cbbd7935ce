#pragma once

namespace n4b::run {

/// What the container of a recovery server runs: the text of recover.sh, which the build puts in.
extern const char* const kRecoverScript;

}  // namespace n4b::run
