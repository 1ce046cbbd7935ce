#include "tests/support/counted_memory.hpp"

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace n4b::testing {
namespace {

thread_local bool counted = true;

/// Stands right before each block; its size keeps the block aligned for everything but over-aligned types.
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

void* label_and_count(Label* label, std::size_t bytes) noexcept {
    *label = {.bytes = bytes, .counted = counted};
    if (counted) {
        const auto now = live_bytes() += static_cast<std::int64_t>(bytes);
        auto peak = peak_bytes().load();
        while (now > peak && !peak_bytes().compare_exchange_weak(peak, now)) {
        }
    }
    return label + 1;
}

void* take(std::size_t bytes) noexcept {
    auto* label = static_cast<Label*>(std::malloc(sizeof(Label) + bytes));
    return label == nullptr ? nullptr : label_and_count(label, bytes);
}

/// A whole alignment stands before the block, with the label at its end.
void* take(std::size_t bytes, std::align_val_t alignment) noexcept {
    const auto step = static_cast<std::size_t>(alignment);
    auto* begin = static_cast<std::byte*>(std::aligned_alloc(step, (bytes + 2 * step - 1) / step * step));
    return begin == nullptr ? nullptr : label_and_count(reinterpret_cast<Label*>(begin + step) - 1, bytes);
}

Label* uncount(void* block) {
    auto* label = static_cast<Label*>(block) - 1;
    if (label->counted) live_bytes() -= static_cast<std::int64_t>(label->bytes);
    return label;
}

void give_back(void* block) {
    if (block != nullptr) std::free(uncount(block));
}

void give_back(void* block, std::align_val_t alignment) {
    if (block == nullptr) return;
    uncount(block);
    std::free(static_cast<std::byte*>(block) - static_cast<std::size_t>(alignment));
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
void* operator new[](std::size_t bytes, std::align_val_t alignment) {
    if (auto* block = n4b::testing::take(bytes, alignment)) return block;
    throw std::bad_alloc();
}
void operator delete[](void* block, std::align_val_t alignment) noexcept {
    n4b::testing::give_back(block, alignment);
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
