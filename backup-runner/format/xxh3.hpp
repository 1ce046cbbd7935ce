#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace n4b::format {

/// XXH3-64 with seed 0, of one stream after the other. Pure; one thread.
class Xxh3 {
public:
    Xxh3();
    ~Xxh3();
    Xxh3(const Xxh3&) = delete;
    Xxh3& operator=(const Xxh3&) = delete;

    void update(std::span<const std::byte> bytes);
    /// The hash of all since the last call; starts anew.
    std::uint64_t finish();

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace n4b::format
