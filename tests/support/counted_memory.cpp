#include "tests/support/counted_memory.hpp"

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace n4b::testing {
namespace {

thread_local bool counted = true;

/// Stands before each block; its size keeps the block aligned for everything but over-aligned types.
struct alignas(std::max_align_t) Label {
    std::size_t bytes;
    bool counted;
};

std::atomic<std::int64_t>& live_bytes() {
    static std::atomic<std::int64_t> bytes = 0;
    return bytes;
}

std::atomic<std::int64_t>& peak_bytes() {
    static std::atomic<std::int64_t> bytes = 0;
    return bytes;
}

void* take(std::size_t bytes) noexcept {
    auto* label = static_cast<Label*>(std::malloc(sizeof(Label) + bytes));
    if (label == nullptr) return nullptr;
    *label = {.bytes = bytes, .counted = counted};
    if (counted) {
        const auto now = live_bytes() += static_cast<std::int64_t>(bytes);
        auto peak = peak_bytes().load();
        while (now > peak && !peak_bytes().compare_exchange_weak(peak, now)) {
        }
    }
    return label + 1;
}

void give_back(void* block) {
    if (block == nullptr) return;
    auto* label = static_cast<Label*>(block) - 1;
    if (label->counted) live_bytes() -= static_cast<std::int64_t>(label->bytes);
    std::free(label);
}

}  // namespace

std::int64_t CountedMemory::live() {
    return live_bytes();
}

std::int64_t CountedMemory::peak() {
    return peak_bytes();
}

void CountedMemory::reset_peak() {
    peak_bytes() = live();
}

UncountedThread::UncountedThread() : before_(counted) {
    counted = false;
}

UncountedThread::~UncountedThread() {
    counted = before_;
}

}  // namespace n4b::testing

void* operator new(std::size_t bytes) {
    if (auto* block = n4b::testing::take(bytes)) return block;
    throw std::bad_alloc();
}
void* operator new[](std::size_t bytes) {
    return ::operator new(bytes);
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
    return n4b::testing::take(bytes);
}
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept {
    return n4b::testing::take(bytes);
}
void operator delete(void* block) noexcept {
    n4b::testing::give_back(block);
}
void operator delete[](void* block) noexcept {
    n4b::testing::give_back(block);
}
void operator delete(void* block, std::size_t) noexcept {
    n4b::testing::give_back(block);
}
void operator delete[](void* block, std::size_t) noexcept {
    n4b::testing::give_back(block);
}
void operator delete(void* block, const std::nothrow_t&) noexcept {
    n4b::testing::give_back(block);
}
void operator delete[](void* block, const std::nothrow_t&) noexcept {
    n4b::testing::give_back(block);
}
