#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <span>
#include <string>

#include "backup-runner/format/head.hpp"
#include "backup-runner/format/repository.hpp"
#include "tests/support/example_head.hpp"
#include "tests/support/memory_store.hpp"

namespace n4b::engine {

inline constexpr char kFirst[] = "20261121T215049Z-000001";
inline constexpr char kSecond[] = "20261122T215049Z-000002";
inline constexpr char kThird[] = "20261123T215049Z-000003";

/// A bucket for chains of the source prod, whose names lie in November 2026.
class ChainsInMemory : public ::testing::Test {
protected:
    ChainsInMemory() {
        // Whatever the clock of this machine says, the chains' names do not lie ahead of the store's.
        const auto after_all = base::SystemTime(std::chrono::sys_days(std::chrono::year(2026) / 11 / 30));
        const auto now = store_.now({}).value();
        if (now < after_all) store_.let_pass(std::chrono::ceil<std::chrono::seconds>(after_all - now));
    }

    void write(const std::string& key, const std::string& text) {
        ASSERT_TRUE(store_.put(key, std::as_bytes(std::span(text)), {}));
    }
    /// A full of that chain, as the example.
    static format::Head full_of(const std::string& chain) {
        auto head = testing::example_head();
        head.name.chain = chain;
        head.supersedes.clear();
        return head;
    }
    /// Stores the head with its mark and one block.
    void store_full(const format::Head& head) {
        const auto text = format::print_head(head);
        ASSERT_TRUE(text) << text.error().message;
        write(layout_.mark(head.name), format::print_mark(format::name_of(head)));
        write(layout_.blocks(head.name) + format::block_name(1), "0123456789");
        write(layout_.head(format::name_of(head)), *text);
    }

    const format::Layout layout_ = format::Layout::create("prod", "graph.db").value();
    testing::MemoryStore store_;
};

}  // namespace n4b::engine
