#include "operator/run/recover_script.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

namespace n4b::run {
namespace {

using testing::HasSubstr;
using testing::Not;

/// A port of this machine that answers every connection with a line of HTTP once the server is up, which then makes the
/// file `up`; or one that takes no connection.
class Port {
public:
    enum class Manner { kAnswers, kRefuses };
    Port(Manner manner, std::filesystem::path up)
        : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), up_(std::move(up)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof(address);
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): how the socket API is made
        auto* generic = reinterpret_cast<sockaddr*>(&address);
        EXPECT_EQ(::bind(socket_, generic, size), 0);
        EXPECT_EQ(::getsockname(socket_, generic, &size), 0);
        number_ = ntohs(address.sin_port);
        if (manner == Manner::kRefuses) return;
        EXPECT_EQ(::listen(socket_, 8), 0);
        thread_ = std::jthread([this] { serve(); });
    }
    ~Port() {
        ::shutdown(socket_, SHUT_RDWR);
        if (thread_.joinable()) thread_.join();
        ::close(socket_);
    }
    Port(const Port&) = delete;
    Port& operator=(const Port&) = delete;
    [[nodiscard]] int number() const { return number_; }

private:
    void serve() const {
        for (int peer = ::accept(socket_, nullptr, nullptr); peer >= 0; peer = ::accept(socket_, nullptr, nullptr)) {
            constexpr std::string_view kAnswer = "HTTP/1.0 200 OK\r\n\r\n";
            if (std::filesystem::exists(up_)) (void)::send(peer, kAnswer.data(), kAnswer.size(), MSG_NOSIGNAL);
            ::close(peer);
        }
    }

    int socket_;
    std::filesystem::path up_;
    int number_ = 0;
    std::jthread thread_{};
};

std::string text_of(const std::filesystem::path& file) {
    std::ifstream stream(file);
    std::stringstream text;
    text << stream.rdbuf();
    return text.str();
}

/// The container of a recovery server, with a server of the test's.
struct Container {
    std::filesystem::path root{};
    std::string log_directory{};
    Port::Manner port = Port::Manner::kAnswers;

    Container() {
        std::string name = ::testing::TempDir() + "recover-XXXXXX";
        EXPECT_NE(::mkdtemp(name.data()), nullptr);
        root = name;
    }
    ~Container() { std::filesystem::remove_all(root); }
    Container(const Container&) = delete;
    Container& operator=(const Container&) = delete;

    /// Puts a server into the image, which is a script. A good one waits for SIGTERM and says that it has stopped.
    void server(const std::string& script) const {
        std::filesystem::create_directories(root / "home/bin");
        std::ofstream(root / "home/bin/neo4j") << "#!/usr/bin/env bash\n" << script;
        std::filesystem::permissions(root / "home/bin/neo4j", std::filesystem::perms::owner_all);
    }
    /// Runs the script to its end; its exit code. `meanwhile`: what is done to it before, as $script.
    [[nodiscard]] int run(const std::string& meanwhile = "") const {
        std::filesystem::remove(root / "up");
        const Port http(port, root / "up");
        std::ofstream(root / "recover.sh") << kRecoverScript;
        const auto command = fmt::format(
            "cd {0} && export NEO4J_HOME={0}/home N4B_SCRATCH={0}/scratch N4B_DATABASE=graph.db N4B_TX_LOG='{1}' "
            "N4B_MEMORY=1073741824 N4B_HTTP_PORT={2} N4B_TERMINATION_LOG={0}/message; "
            "bash -c \"$(cat recover.sh)\" > output 2>&1 & script=$!; {3} wait $script",
            root.string(), log_directory, http.number(), meanwhile);
        std::ofstream(root / "run.sh") << command << "\n";
        const int status = std::system(("bash " + (root / "run.sh").string()).c_str());  // NOLINT(cert-env33-c)
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }
    [[nodiscard]] std::string message() const { return text_of(root / "message"); }
    [[nodiscard]] std::string configuration() const { return text_of(root / "scratch/conf/neo4j.conf"); }
};

constexpr char kGood[] = R"(
[ "$1" = console ] && [ -f "$NEO4J_CONF/neo4j.conf" ] || exit 9
trap 'echo Stopping...; echo Stopped.; exit 143' TERM
touch up
while :; do sleep 0.1; done
)";

TEST(RecoverScript, StopsAServerThatAnswersAndEndsWell) {
    Container c;
    c.server(kGood);
    EXPECT_EQ(c.run(), 0) << c.message() << text_of(c.root / "output");
    EXPECT_EQ(c.message(), "");
    EXPECT_THAT(text_of(c.root / "output"), HasSubstr("Stopped.")) << "the server's log is the container's";
}

TEST(RecoverScript, ConfiguresASingleServerThatNobodyElseReaches) {
    Container c;
    c.server(kGood);
    c.log_directory = "/scratch/transaction-log";
    EXPECT_EQ(c.run(), 0);
    for (const char* line : {"dbms.mode=SINGLE\n", "dbms.active_database=graph.db\n", "dbms.backup.enabled=false\n",
                             "dbms.connector.bolt.enabled=false\n", "dbms.connector.http.listen_address=127.0.0.1:",
                             "dbms.memory.heap.max_size=512m\n", "dbms.memory.pagecache.size=128m\n",
                             "dbms.directories.tx_log=/scratch/transaction-log\n"}) {
        EXPECT_THAT(c.configuration(), HasSubstr(line));
    }
    c.log_directory.clear();
    EXPECT_EQ(c.run(), 0);
    EXPECT_THAT(c.configuration(), Not(HasSubstr("tx_log=")));
}

TEST(RecoverScript, StopsAServerBehindALauncherThatIsNotReplacedByIt) {
    Container c;
    c.server(
        "bash -c 'trap \"sleep 1; echo Stopped.; exit 143\" TERM; touch up; while :; do sleep 0.1; done'\necho "
        "launcher ends\n");
    EXPECT_EQ(c.run(), 0) << c.message();
}

TEST(RecoverScript, TellsTheLastLinesOfAServerThatEndsByItself) {
    Container c;
    c.port = Port::Manner::kRefuses;
    c.server("echo 'ERROR the store was written by another version'\nexit 3\n");
    EXPECT_EQ(c.run(), 1);
    EXPECT_EQ(c.message(),
              "the server ended by itself with exit code 3\nERROR the store was written by another version\n");
}

TEST(RecoverScript, FailsWhenTheServerDoesNotStopCleanly) {
    Container c;
    c.server("trap 'echo ERROR no space left; exit 143' TERM\ntouch up\nwhile :; do sleep 0.1; done\n");
    EXPECT_EQ(c.run(), 1);
    EXPECT_THAT(c.message(), HasSubstr("the server did not stop cleanly (exit code 143)\n"));
    EXPECT_THAT(c.message(), HasSubstr("no space left"));
}

TEST(RecoverScript, FailsWhenItIsStoppedWhileTheServerRecovers) {
    Container c;
    c.port = Port::Manner::kRefuses;
    c.server(kGood);
    EXPECT_EQ(c.run("until [ -e up ]; do sleep 0.1; done; kill -TERM $script;"), 1);
    EXPECT_THAT(c.message(), HasSubstr("told to stop before the database was recovered"));
    EXPECT_THAT(c.message(), HasSubstr("Stopped.")) << "the server could stop";
}

TEST(RecoverScript, SaysThatTheImageHoldsNoServer) {
    const Container c;
    EXPECT_EQ(c.run(), 1);
    EXPECT_THAT(c.message(), HasSubstr("no neo4j in PATH"));
}

}  // namespace
}  // namespace n4b::run
