#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <future>
#include <mutex>
#include <thread>

#include "operator/http/cpprest_transport.hpp"
#include "operator/kube/reflector.hpp"
#include "tests/support/counted_memory.hpp"
#include "tests/support/loopback_listener.hpp"

namespace n4b::kube {
namespace {

constexpr int kGiants = 80;
constexpr int kEvents = 8;
constexpr std::size_t kGiantBytes = 1'000'000;

/// A quarter each: one long string, many objects, many one-letter strings (which take sixteen times their text once
/// they are parsed), and managedFields that are as large as the object.
std::string giant(int number) {
    std::string filling;
    const int kind = number % 4;
    while (filling.size() < kGiantBytes) filling += kind == 0 ? "xxxx" : kind == 1 ? R"({"k":"v"},)" : R"("x",)";
    if (kind != 0) filling.pop_back();
    const auto affinity = kind == 0 ? '"' + filling + '"' : '[' + filling + ']';
    return fmt::format(R"({{"kind":"Giant","metadata":{{"managedFields":{},"name":"g{}","namespace":"db",)"
                       R"("resourceVersion":"5","uid":"u{}"}},"spec":{{"affinity":{}}}}})",
                       kind == 3 ? affinity : "[]", number, number, kind == 3 ? "[]" : affinity);
}

/// The API server as far as a reflector asks it: one page with the giants, and a watch that brings some again. As
/// Kubernetes does from 1.33 on, it writes one object a chunk.
class ServesGiants {
public:
    ServesGiants() : thread_([this] { accept(); }) {}
    ~ServesGiants() {
        listener_.shut_down();
        thread_.join();
    }
    ServesGiants(const ServesGiants&) = delete;
    ServesGiants& operator=(const ServesGiants&) = delete;
    [[nodiscard]] std::string url() const { return fmt::format("http://127.0.0.1:{}", listener_.port()); }

private:
    void accept() {
        const testing::UncountedThread uncounted;
        std::vector<std::jthread> connections;
        for (int peer = listener_.accept(); peer >= 0; peer = listener_.accept()) {
            connections.emplace_back([peer] {
                const testing::UncountedThread own;
                serve(peer);
            });
        }
    }
    static void serve(int peer) {
        std::array<char, 4096> request{};
        while (true) {
            const auto size = ::recv(peer, request.data(), request.size(), 0);
            if (size <= 0) break;
            send(peer, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            if (std::string_view(request.data(), static_cast<std::size_t>(size)).find("watch=1") !=
                std::string_view::npos) {
                for (int i = 0; i < kEvents; ++i) chunk(peer, R"({"type":"ADDED","object":)" + giant(i) + "}\n");
            } else {
                chunk(peer, R"({"metadata":{"resourceVersion":"5"},"items":[)");
                for (int i = 0; i < kGiants; ++i) chunk(peer, (i == 0 ? "" : ",") + giant(i));
                chunk(peer, "]}\n");
                send(peer, "0\r\n\r\n");
            }
        }
        ::close(peer);
    }
    static void chunk(int peer, const std::string& text) {
        send(peer, fmt::format("{:x}\r\n{}\r\n", text.size(), text));
    }
    static void send(int peer, std::string_view text) {
        while (!text.empty()) {
            const auto sent = ::send(peer, text.data(), text.size(), MSG_NOSIGNAL);
            if (sent <= 0) return;
            text.remove_prefix(static_cast<std::size_t>(sent));
        }
    }

    testing::LoopbackListener listener_{};
    std::jthread thread_;
};

struct Giant {
    ObjectMeta meta{};
};

TEST(GiantObjects, EightyOfThemFitTheOperatorsMemory) {
    const ServesGiants server;
    http::initialize_http();
    const auto transport = http::make_cpprest_transport({.base_url = server.url()});
    ASSERT_TRUE(transport);
    Store<Giant> store([](const auto&, const auto&, const auto&) {});
    std::promise<void> through;
    int seen = 0;
    const auto count = [&] {
        if (++seen == kGiants + kEvents) through.set_value();
    };
    const ObjectSink sink{.apply = [&](const ObjectMeta& meta, const auto&) -> base::Result<void> {
                              store.apply(meta.key(), {.meta = meta});
                              count();
                              return {};
                          },
                          .unreadable =
                              [&](const ObjectMeta& meta, const base::Error& error) {
                                  store.mark_unreadable({.key = meta.key(), .uid = meta.uid, .error = error.message});
                                  count();
                              },
                          .remove = [](const auto&) {},
                          .retain = [&](const auto& keep) { store.retain("", keep); }};
    const auto before = testing::CountedMemory::live();
    testing::CountedMemory::reset_peak();
    {
        const Reflector reflector(**transport, {.path = "/giants", .kind = "Giant"}, sink);
        ASSERT_EQ(through.get_future().wait_for(std::chrono::minutes(4)), std::future_status::ready);
    }
    const auto peak = testing::CountedMemory::peak() - before;
    RecordProperty("peak_kib", static_cast<int>(peak / 1024));
    fmt::print("peak: {} KiB\n", peak / 1024);
    // The chart gives the operator 128 MiB, of which its program and its caches take a third.
    EXPECT_LT(peak, std::int64_t{16} << 20U);
    EXPECT_EQ(store.size(), static_cast<std::size_t>(kGiants) / 2) << "those of few values";
    EXPECT_EQ(store.unreadable().size(), static_cast<std::size_t>(kGiants) / 2);
    for (const auto& mark : store.unreadable()) EXPECT_EQ(mark.key.substr(0, 4), "db/g");
}

}  // namespace
}  // namespace n4b::kube
