#pragma once

#include <cstdint>

namespace n4b::testing {

/// Counts what `operator new` has given out and not taken back, of all threads but those that are left out. A program
/// that wants it links n4b_support_memory, which replaces the global operators.
///
/// Unlike resident memory this is exact, the same under every sanitizer, and not blurred by what an allocator keeps.
class CountedMemory {
public:
    /// Bytes that live now.
    static std::int64_t live();
    /// The most that ever lived since reset_peak().
    static std::int64_t peak();
    static void reset_peak();
};

/// What the thread takes while this lives is not counted: for pretend servers in the same process.
class UncountedThread {
public:
    UncountedThread();
    ~UncountedThread();
    UncountedThread(const UncountedThread&) = delete;
    UncountedThread& operator=(const UncountedThread&) = delete;

private:
    bool before_;
};

}  // namespace n4b::testing
