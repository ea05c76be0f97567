#include "app/network/service_unit.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/command_line/config_file.h"
#include "app/world/network_store.h"
#include "app/world/open_ledger.h"
#include "base/files/file.h"

namespace templar {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPackageFolder = "/var/lib/templar";
constexpr const char* kPackageUnits = "/usr/lib/systemd/system";
constexpr std::string_view kOwnProgram = "/proc/self/exe";

std::string with_word(std::string text, std::string_view word, std::string_view value) {
  for (size_t at = 0; (at = text.find(word, at)) != std::string::npos; at += value.size())
    text.replace(at, word.size(), value);
  return text;
}

// A percent sign begins one of systemd's own words.
std::string in_unit(const std::string& text) {
  return with_word(text, "%", "%%");
}

std::string owner_of(const fs::path& folder) {
  struct stat found{};
  if (::stat(folder.c_str(), &found) != 0) return "root";
  const passwd* user = ::getpwuid(found.st_uid);
  return user == nullptr ? std::to_string(found.st_uid) : user->pw_name;
}

// The node's own folder, and those of a store and a ledger that lie on this machine.
Result<std::vector<std::string>> written_folders(const NodeFolder& node, const fs::path& folder) {
  std::vector<std::string> folders = {in_unit(folder.string())};
  TRY_ASSIGN(const std::vector<ConfigEntry> entries, read_config_file(node.config_file));
  for (const ConfigEntry& entry : entries) {
    const auto* text = entry.values.empty() ? nullptr : std::get_if<std::string>(&entry.values[0]);
    if (text == nullptr) continue;
    if (entry.name == "store") {
      TRY_ASSIGN(const StoreAddress store, parse_own_store(*text));
      if (const auto* place = std::get_if<FileAddress>(&store)) folders.push_back(in_unit(place->folder));
    }
    if (entry.name == "ledger") {
      TRY_ASSIGN(const LedgerAddress ledger, parse_ledger_address(*text));
      if (const auto* file = std::get_if<fs::path>(&ledger))
        folders.push_back(in_unit(absolute_path(*file).parent_path().string()));
    }
  }
  return folders;
}

}  // namespace

std::string service_unit_text(const ServiceWords& words) {
  std::string text(service_template());
  text = with_word(std::move(text), "@ROLE@", words.role);
  text = with_word(std::move(text), "@USER@", words.user);
  text = with_word(std::move(text), "@PROGRAM@", words.program);
  text = with_word(std::move(text), "@FOLDER@", words.folder);
  return with_word(std::move(text), "@WRITABLE@", fmt::format("\"{}\"", fmt::join(words.writable, "\" \"")));
}

Result<WrittenService> write_service_unit(NodeRole role, const NodeFolder& node, const fs::path& folder) {
  const fs::path whole = absolute_path(folder);
  const std::string role_name(name_of(role));
  const fs::path package_unit = fs::path(kPackageUnits) / fmt::format("templar-{}@.service", role_name);
  if (whole.parent_path() == kPackageFolder && is_there(package_unit)) {
    const std::string name = fmt::format("templar-{}@{}", role_name, whole.filename().string());
    return WrittenService{.unit_file = {}, .name = name, .start_command = "systemctl enable --now " + name};
  }
  std::error_code error;
  const fs::path program = fs::read_symlink(kOwnProgram, error);
  if (error) return fatal_error(fmt::format("{}: {}", kOwnProgram, error.message()));
  const std::string name =
      fmt::format("templar-{}-{}", role_name, run_id(node.network.spec).hex().substr(0, 8));
  const fs::path file = whole / (name + ".service");
  TRY_ASSIGN(const std::vector<std::string> writable, written_folders(node, whole));
  TRY(write_file_atomically(file, service_unit_text({.role = role_name,
                                                     .user = owner_of(whole),
                                                     .program = in_unit(program.string()),
                                                     .folder = in_unit(whole.string()),
                                                     .writable = writable})));
  return WrittenService{.unit_file = file,
                        .name = name,
                        .start_command = fmt::format("sudo systemctl enable --now {}", file.string())};
}

}  // namespace templar
