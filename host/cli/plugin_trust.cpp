// tomada plugin sign, trust, untrust, trusted: whom plugin files come from. Files only; no host is asked.
#include "host/cli/commands.hpp"

#include "host/abi/inspect.hpp"
#include "host/cage/file_bytes.hpp"
#include "host/cli/fields.hpp"
#include "host/plugin/trust.hpp"

#include <nlohmann/json.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <ostream>
#include <system_error>

namespace tomada::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

Result<std::string> read_small(const fs::path& file) {
  std::string text;
  TOMADA_TRY(cage::read_file(file, plugin::k_key_bytes_max, [&](std::string_view piece) -> Result<void> {
    text += piece;
    return {};
  }));
  return text;
}

/// Complete or not there; readable by all, writable by its owner.
Result<void> write_public(const fs::path& file, const std::string& text) {
  fs::path partial = file;
  partial += ".part-" + std::to_string(::getpid());
  std::error_code error;
  std::ofstream out(partial, std::ios::binary);
  out << text;
  out.close();
  if (out) fs::permissions(partial, fs::perms::owner_read | fs::perms::owner_write | fs::perms::group_read | fs::perms::others_read, error);
  if (out && !error) fs::rename(partial, file, error);
  if (out && !error) return {};
  const std::string why = error ? error.message() : "cannot be written";
  fs::remove(partial, error);
  return fail(Errc::unavailable, file.string() + ": " + why);
}

Result<Secret> read_private_key(const fs::path& file) {
  struct stat status{};
  if (::stat(file.c_str(), &status) == 0 && S_ISREG(status.st_mode) && (status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
    return fail(Errc::invalid_data, "others than its owner can read it: chmod 600 " + file.string());
  TOMADA_TRY_ASSIGN(std::string pem, read_small(file));
  Secret key(std::move(pem));
  return key;
}

Result<plugin::PublicKey> read_public_key(const fs::path& file) {
  TOMADA_TRY_ASSIGN(const std::string pem, read_small(file));
  return plugin::parse_public_key(pem);
}

Error bad_name(const std::string& name) {
  return fail(Errc::invalid_data, "\"" + printable(name) + "\" is no name of a key: 1 to 64 letters, digits, '-', '_' or '.', "
                                  "beginning with a letter or digit");
}

}  // namespace

int sign_plugin(Output output, const fs::path& file, const fs::path& key_file) {
  const auto inspection = abi::inspect_file(file);
  if (inspection.has_error()) return failed(output, inspection.error());
  if (!inspection->refusals.empty()) {
    const abi::Refusal& refusal = inspection->refusals.front();
    return failed(output, fail(Errc::invalid_data, file.string() + " would be refused, so it is not signed: " + refusal.rule + ": " + refusal.reason));
  }
  const auto key = read_private_key(key_file);
  if (key.has_error()) return failed(output, Error(key.error()).within(key_file.string()));
  const auto signature = plugin::sign(*key, inspection->sha256);
  if (signature.has_error()) return failed(output, Error(signature.error()).within(key_file.string()));
  const fs::path to = plugin::signature_file_of(file);
  if (const auto written = write_public(to, plugin::format_signature(*signature)); written.has_error()) return failed(output, written.error());
  output.out << "Signed " << inspection->manifest.id << " " << inspection->manifest.version << " (sha256:" << inspection->sha256
             << ") with " << plugin::fingerprint(signature->key) << ": " << to.string() << "\n";
  return 0;
}

int trust_key(Output output, const fs::path& keys_dir, const fs::path& key_file, const std::string& name) {
  if (!plugin::is_key_name(name)) return failed(output, bad_name(name));
  const auto key = read_public_key(key_file);
  if (key.has_error()) return failed(output, Error(key.error()).within(key_file.string()));
  const auto known = plugin::read_trusted_keys(keys_dir);
  if (known.has_error()) return failed(output, known.error());
  const auto same = known->names.find(*key);
  if (same != known->names.end() && same->second != name)
    return failed(output, fail(Errc::conflict, "that key is trusted already, as " + same->second));
  const fs::path to = keys_dir / (name + ".pem");
  std::error_code error;
  if (same == known->names.end() && fs::exists(to, error))
    return failed(output, fail(Errc::conflict, to.string() + " is there already, with another key; first: tomada plugin untrust " + name));
  if (known->names.size() + known->problems.size() >= plugin::k_trusted_keys_max)
    return failed(output, fail(Errc::conflict, keys_dir.string() + " has " + std::to_string(plugin::k_trusted_keys_max) + " keys, which is the most"));
  fs::create_directories(keys_dir, error);
  if (error) return failed(output, fail(Errc::unavailable, keys_dir.string() + ": " + error.message()));
  if (const auto written = write_public(to, plugin::format_public_key(*key)); written.has_error()) return failed(output, written.error());
  output.out << "Trusted " << plugin::fingerprint(*key) << " as " << name << ": " << to.string() << "\n";
  return 0;
}

int untrust_key(Output output, const fs::path& keys_dir, const std::string& name) {
  if (!plugin::is_key_name(name)) return failed(output, bad_name(name));
  const fs::path file = keys_dir / (name + ".pem");
  std::error_code error;
  if (!fs::remove(file, error) || error)
    return failed(output, fail(error ? Errc::unavailable : Errc::not_found,
                               file.string() + ": " + (error ? error.message() : "there is no such key; tomada plugin trusted lists them")));
  output.out << "Not trusted any more: " << name << "\n";
  return 0;
}

int list_trusted_keys(Output output, const fs::path& keys_dir, bool as_json) {
  const auto keys = plugin::read_trusted_keys(keys_dir);
  if (keys.has_error()) return failed(output, keys.error());
  if (as_json) {
    auto views = ordered_json::array();
    for (const auto& [key, name] : keys->names) views.push_back({{"name", name}, {"key", plugin::fingerprint(key)}});
    output.out << ordered_json{{"trusted_keys_dir", keys_dir.string()}, {"keys", views}, {"problems", keys->problems}}.dump(2) << "\n";
  } else {
    for (const auto& [key, name] : keys->names) output.out << plugin::fingerprint(key) << "  " << name << "\n";
  }
  for (const std::string& problem : keys->problems) output.err << "not trusted: " << problem << "\n";
  if (keys->names.empty()) output.err << "No key is trusted (" << keys_dir.string() << "); tomada plugin trust KEY --name NAME adds one.\n";
  return keys->problems.empty() ? 0 : 1;
}

}  // namespace tomada::cli
