#include "backup-runner/object_store/credentials.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "backup-runner/object_store/secret_file.hpp"
#include "backup-runner/storage/descriptor.hpp"

namespace n4b::object_store {
namespace {

using base::Result;
using storage::Descriptor;

/// The files of one spelling, in the order id, secret, token.
using Names = std::array<const char*, 3>;
constexpr Names kOurs{"access-key-id", "secret-access-key", "session-token"};
constexpr Names kAmazons{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"};

tl::unexpected<base::Error> bad(std::string message) {
    return base::fail(base::ErrorCode::kInvalid, base::Reason::kStorageCredentialsInvalid, std::move(message));
}

class DirectoryCredentials final : public CredentialSource {
public:
    explicit DirectoryCredentials(std::string directory) : directory_(std::move(directory)) {}

    Result<s3::Credentials> current(const Call& /*call*/) override {
        // A kubelet replaces all files of a Secret at once by pointing ..data elsewhere: through one descriptor they
        // are of one version, where three paths could give the id of one key and the secret of another.
        const auto data = directory_ + "/..data";
        const int atomic = ::open(data.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        const Descriptor files(atomic >= 0 ? atomic : ::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (files.get() < 0) {
            return bad(fmt::format("credentials directory {}: {}", directory_, std::generic_category().message(errno)));
        }
        N4B_TRY(const auto ours, read(files.get(), kOurs));
        N4B_TRY(const auto amazons, read(files.get(), kAmazons));
        if (ours && amazons) {
            return bad(fmt::format("credentials directory {}: found both {} and {}, expected one of them", directory_,
                                   kOurs[0], kAmazons[0]));
        }
        if (!ours && !amazons) {
            return bad(fmt::format("credentials directory {}: found no {}, expected {} and {}", directory_, kOurs[0],
                                   kOurs[0], kOurs[1]));
        }
        return ours ? *ours : *amazons;
    }

    Result<s3::Credentials> after_refusal_of(const s3::Credentials& /*refused*/, const Call& call) override {
        return current(call);
    }

private:
    /// Nothing: no file of these names.
    Result<std::optional<s3::Credentials>> read(int files, const Names& names) const {
        std::array<std::optional<std::string>, 3> texts;
        for (std::size_t i = 0; i < names.size(); ++i) {
            N4B_TRY(texts[i], read_file(files, names[i]));
        }
        if (!texts[0] && !texts[1]) return std::nullopt;
        for (std::size_t i = 0; i < 2; ++i) {
            if (!texts[i]) return bad(fmt::format("credentials directory {}: {} is missing", directory_, names[i]));
            if (texts[i]->empty())
                return bad(fmt::format("credentials directory {}: {} is empty", directory_, names[i]));
        }
        return s3::Credentials{.key_id = *texts[0], .secret = *texts[1], .session_token = texts[2].value_or("")};
    }

    Result<std::optional<std::string>> read_file(int files, const char* name) const {
        const Descriptor file(::openat(files, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
        if (file.get() < 0 && errno == ENOENT) return std::nullopt;
        const auto what = fmt::format("credentials directory {}: {}", directory_, name);
        if (file.get() < 0) return bad(fmt::format("{}: {}", what, std::generic_category().message(errno)));
        N4B_TRY(auto text, read_secret(file.get(), what));
        return text;
    }

    const std::string directory_;
};

class FixedCredentials final : public CredentialSource {
public:
    explicit FixedCredentials(s3::Credentials credentials) : credentials_(std::move(credentials)) {}
    Result<s3::Credentials> current(const Call& /*call*/) override { return credentials_; }
    Result<s3::Credentials> after_refusal_of(const s3::Credentials& /*refused*/, const Call& /*call*/) override {
        return credentials_;
    }

private:
    const s3::Credentials credentials_;
};

}  // namespace

std::unique_ptr<CredentialSource> directory_credentials(const std::string& directory) {
    return std::make_unique<DirectoryCredentials>(directory);
}

Result<std::unique_ptr<CredentialSource>> fixed_credentials(const s3::Credentials& credentials) {
    if (credentials.key_id.empty() || credentials.secret.empty()) {
        return bad(fmt::format("{} is missing", credentials.key_id.empty() ? kAmazons[0] : kAmazons[1]));
    }
    if (!can_stand_in_header(credentials.key_id + credentials.secret + credentials.session_token)) {
        return bad(fmt::format("{}, {} and {}: expected printable ASCII without spaces", kAmazons[0], kAmazons[1],
                               kAmazons[2]));
    }
    return std::make_unique<FixedCredentials>(credentials);
}

}  // namespace n4b::object_store
