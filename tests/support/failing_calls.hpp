#pragma once

#include <functional>
#include <utility>
#include <vector>

namespace n4b::testing {

/// Runs work in a process of its own, in which system calls fail: pairs of a call's number (SYS_...) and the error it
/// returns without having done anything. The kernel does it (seccomp), so that nothing between the code and the file
/// system is pretended. Of write() only the long ones fail (1024 bytes). Returns the exit code, which is what work
/// returns; -1 when the process did not exit. The caller has no other thread: one that held a lock of the allocator at
/// that moment would hold it for ever in the new process.
int with_failing_calls(const std::vector<std::pair<long, int>>& calls, const std::function<int()>& work);

/// The same in a thread of its own and those that it starts, for callers with threads; all else is the process's.
int in_thread_with_failing_calls(const std::vector<std::pair<long, int>>& calls, const std::function<int()>& work);

}  // namespace n4b::testing
