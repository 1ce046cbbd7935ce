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

base::Result<s3::ObjectLock> lock_of(const StorageFlags& flags) {
    if (flags.lock_mode == "none") {
        if (flags.lock_days == 0) return s3::ObjectLock{};
        return bad("--s3-object-lock-days: found no --s3-object-lock-mode beside it, expected one");
    }
    if (flags.lock_days < 1 || flags.lock_days > contract::kMaxLockDays) {
        return bad("--s3-object-lock-days: found " + std::to_string(flags.lock_days) + ", expected 1 to " +
                   std::to_string(contract::kMaxLockDays));
    }
    const bool compliance = flags.lock_mode == "compliance";
    return s3::ObjectLock{.mode = compliance ? s3::LockMode::kCompliance : s3::LockMode::kGovernance,
                          .time = std::chrono::days(flags.lock_days)};
}

base::Result<void> choose_credentials(const StorageFlags& flags, S3Choice& choice) {
    using From = contract::S3CredentialsFrom;
    const auto& name = flags.credentials;
    choice.credentials_from = name == "web-identity"        ? From::kWebIdentity
                              : name == "pod-identity"      ? From::kPodIdentity
                              : name == "instance-metadata" ? From::kInstanceMetadata
                                                            : From::kAutomatic;
    if (choice.credentials_from != From::kWebIdentity && choice.web_identity != contract::WebIdentity{}) {
        return bad(
            "--s3-web-identity-token-file, --s3-role-arn and --s3-sts-endpoint need --s3-credentials web-identity");
    }
    if (choice.credentials_from != From::kAutomatic && !choice.credentials_dir.empty()) {
        return bad("--credentials-dir: found --s3-credentials " + name + " beside it, expected one of them");
    }
    return {};
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
    add("--s3-object-lock-mode", flags.lock_mode,
        "What is stored can't be deleted for --s3-object-lock-days: governance (who has the permission may), "
        "compliance "
        "(nobody may) or none; the bucket must have been made with object lock")
        ->check(CLI::IsMember({"none", "governance", "compliance"}));
    command.add_option("--s3-object-lock-days", flags.lock_days, "With a mode of object lock: how many days")
        ->group(kS3Group);
    add("--s3-credentials", flags.credentials,
        "Where credentials come from: web-identity, pod-identity, instance-metadata, or auto: --credentials-dir, else "
        "the only one that Amazon's variables in the environment name (AWS_ACCESS_KEY_ID and its like, "
        "AWS_WEB_IDENTITY_TOKEN_FILE, AWS_CONTAINER_CREDENTIALS_FULL_URI)")
        ->check(CLI::IsMember({"auto", "web-identity", "pod-identity", "instance-metadata"}));
    add("--credentials-dir", flags.s3.credentials_dir,
        "A directory with access-key-id, secret-access-key and optionally session-token, such as a mounted Secret");
    auto& identity = flags.s3.web_identity;
    add("--s3-web-identity-token-file", identity.token_file,
        "With web-identity: the file with the token; else AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN");
    add("--s3-role-arn", identity.role_arn, "With web-identity: the role to assume");
    add("--s3-sts-endpoint", identity.sts_endpoint,
        "With web-identity: https://HOST[:PORT] of the token service; else Amazon's of the region, or --s3-endpoint");
    command
        .add_flag("--allow-insecure", location.allow_insecure, "Allow http:// in --s3-endpoint and --s3-sts-endpoint")
        ->group(kS3Group);
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
    N4B_TRY(choice.s3->location.lock, lock_of(flags));
    N4B_TRY_VOID(choose_credentials(flags, *choice.s3));
    // What can't be right is told before anything is asked.
    N4B_TRY([[maybe_unused]] const auto checked, s3::make_location(choice.s3->location));
    return choice;
}

}  // namespace n4b::runner
