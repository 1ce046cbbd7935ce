#include "tests/support/failing_calls.hpp"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <thread>

namespace n4b::testing {
namespace {

constexpr int kNoFilter = 125;
/// Shorter writes pass: the sanitizers find out with them, through a pipe, whether memory can be read.
constexpr std::uint32_t kLeastFailingWrite = 1024;

bool install(const std::vector<std::pair<long, int>>& calls) {
    std::vector<sock_filter> program;
    program.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)));
    for (const auto& [number, error] : calls) {
        const auto answer = SECCOMP_RET_ERRNO | (static_cast<std::uint32_t>(error) & SECCOMP_RET_DATA);
        if (number == SYS_write) {
            program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 0, 4));
            program.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[2])));
            program.push_back(BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, kLeastFailingWrite, 0, 1));
            program.push_back(BPF_STMT(BPF_RET | BPF_K, answer));
            program.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)));
        } else {
            program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(number), 0, 1));
            program.push_back(BPF_STMT(BPF_RET | BPF_K, answer));
        }
    }
    program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    const sock_fprog filter{.len = static_cast<unsigned short>(program.size()), .filter = program.data()};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

}  // namespace

int with_failing_calls(const std::vector<std::pair<long, int>>& calls, const std::function<int()>& work) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(install(calls) ? work() : kNoFilter);
    int status = 0;
    if (child < 0 || ::waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
    return WEXITSTATUS(status);
}

int in_thread_with_failing_calls(const std::vector<std::pair<long, int>>& calls, const std::function<int()>& work) {
    int code = kNoFilter;
    std::thread([&] {
        if (install(calls)) code = work();
    }).join();
    return code;
}

}  // namespace n4b::testing
