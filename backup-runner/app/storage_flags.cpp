#include "backup-runner/app/storage_flags.hpp"

#include <CLI/CLI.hpp>

namespace n4b::runner {
namespace {

constexpr char kS3Group[] = "S3";

s3::Addressing addressing_of(const std::string& path_style) {
    if (path_style == "yes") return s3::Addressing::kPath;
    return path_style == "no" ? s3::Addressing::kVirtualHost : s3::Addressing::kAutomatic;
}

tl::unexpected<base::Error> bad(std::string message) {
    return base::fail(base::ErrorCode::kInvalid, base::Reason::kInvalidRunSpec, std::move(message));
}

}  // namespace

void add_storage_flags(CLI::App& command, StorageFlags& flags, const std::string& directory_help) {
    auto& location = flags.s3.location;
    command.add_option(flags.directory_flag, flags.choice.directory, directory_help);
    const auto add = [&](const char* name, std::string& into, const char* help) {
        return command.add_option(name, into, help)->group(kS3Group);
    };
    add("--s3-bucket", location.bucket, "A bucket that is there; none is made");
    add("--s3-prefix", location.prefix, "Below which everything lies; else the bucket's root");
    add("--s3-endpoint", location.endpoint, "https://HOST[:PORT]; else Amazon's endpoint of the region");
    add("--s3-region", location.region, "The bucket's region; with --s3-endpoint us-east-1 unless given");
    add("--s3-path-style", flags.path_style,
        "Whether the bucket stands in the path (yes) or before the host (no); auto: before the host at Amazon's "
        "endpoints, unless it has dots")
        ->check(CLI::IsMember({"auto", "yes", "no"}));
    add("--s3-encryption", flags.encryption, "Asked for with every object: none, AES256 or aws:kms")
        ->check(CLI::IsMember({"none", "AES256", "aws:kms"}));
    add("--s3-kms-key-id", location.kms_key_id, "With aws:kms; else the account's own key");
    add("--s3-ca-file", flags.s3.ca_file, "Certificates (PEM) to trust in place of the system's");
    add("--credentials-dir", flags.s3.credentials_dir,
        "A directory with access-key-id, secret-access-key and optionally session-token, such as a mounted Secret; "
        "else AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN of the environment");
    command.add_flag("--allow-insecure", location.allow_insecure, "Allow http:// in --s3-endpoint")->group(kS3Group);
}

base::Result<StoreChoice> choice_of(const CLI::App& command, const StorageFlags& flags) {
    StoreChoice choice = flags.choice;
    const bool any_s3 = command.count("--s3-bucket") > 0;
    if (choice.directory.empty() && !any_s3) return bad(flags.directory_flag + " or --s3-bucket is required");
    if (!choice.directory.empty()) {
        for (const auto* option : command.get_options()) {
            if (option->get_group() == kS3Group && option->count() > 0) {
                return bad(flags.directory_flag + ": found " + option->get_name() + " beside it, expected one storage");
            }
        }
        return choice;
    }
    choice.s3 = flags.s3;
    choice.s3->location.addressing = addressing_of(flags.path_style);
    choice.s3->location.encryption = encryption_of(flags.encryption);
    // What can't be right is told before anything is asked.
    N4B_TRY([[maybe_unused]] const auto checked, s3::make_location(choice.s3->location));
    return choice;
}

}  // namespace n4b::runner
