#pragma once

#include <functional>
#include <utility>
#include <vector>

namespace n4b::testing {

/// Runs work in a process of its own, in which system calls fail: pairs of a call's number (SYS_...) and the error it
/// returns without having done anything. The kernel does it (seccomp), so that nothing between the code and the file
/// system is pretended. Of write() only the long ones fail (1024 bytes). Returns the exit code, which is what work
/// returns; -1 when the process did not exit.
int with_failing_calls(const std::vector<std::pair<long, int>>& calls, const std::function<int()>& work);

}  // namespace n4b::testing
