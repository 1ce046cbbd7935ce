#include <cstdint>
#include <string_view>

#include "backup-runner/format/names.hpp"
#include "backup-runner/format/repository.hpp"

/// A name that parses is the only one of what it says; a small file that parses says the same once printed.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace n4b::format;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto name = parse_head_name(text); name && to_string(*name) != text) __builtin_trap();
    if (const auto name = parse_fact_name(text); name && to_string(*name) != text) __builtin_trap();
    if (const auto name = parse_directory_name("20261122T215049Z-3f9c21", text);
        name && directory_name(*name) != text) {
        __builtin_trap();
    }
    if (const auto number = parse_block_name(text); number && block_name(*number) != text) __builtin_trap();
    if (const auto deadline = parse_intent_name(text); deadline && intent_name(*deadline) != text) __builtin_trap();
    if (const auto hold = parse_reader_hold_name(text); hold && to_string(*hold) != text) __builtin_trap();
    if (const auto file = parse_repository(text);
        file && size < kMaxSmallFileBytes / 8 && parse_repository(print_repository(*file)).value() != *file) {
        __builtin_trap();
    }
    const auto owner = parse_owner(text);
    if (owner && size < kMaxSmallFileBytes / 8 && parse_owner(print_owner(*owner)).value() != *owner) __builtin_trap();
    const auto deadline = n4b::base::SystemTime(std::chrono::seconds(1'795'693'361));
    const auto intent = parse_intent(text, deadline);
    if (intent && size < kMaxSmallFileBytes / 8 && parse_intent(print_intent(*intent), deadline).value() != *intent) {
        __builtin_trap();
    }
    const auto hold = parse_hold(text);
    if (hold && size < kMaxSmallFileBytes / 8 && parse_hold(print_hold(*hold)).value() != *hold) __builtin_trap();
    return 0;
}
