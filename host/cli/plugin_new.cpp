// tomada plugin new ID --lang LANGUAGE: a copy of a template with the id filled in. The templates are plugins that
// compile as they stand; what comes next, their READMEs say, so nothing here knows a language.
#include "host/cli/commands.hpp"

#include "host/abi/manifest.hpp"
#include "host/cli/fields.hpp"

#include <algorithm>
#include <fstream>
#include <iomanip>
#include <iterator>
#include <ostream>
#include <sstream>

namespace tomada::cli {
namespace {

namespace fs = std::filesystem;

constexpr int k_usage_error = 2;
constexpr std::uintmax_t k_file_bytes_max = 1024 * 1024;
constexpr std::size_t k_files_max = 100;
constexpr const char* k_readme = "README.md";

// The id of the templates, and the same where a language takes no dash.
constexpr std::string_view k_id = "my-plugin";
constexpr std::string_view k_id_without_dash = "my_plugin";

/// The directory that has bin/tomada, share/tomada and the SDK: /usr, a build directory, what --prefix said.
fs::path prefix() {
  std::error_code error;
  return (fs::read_symlink("/proc/self/exe", error).parent_path() / "..").lexically_normal();
}

Result<std::vector<std::string>> languages(const fs::path& templates) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator at(templates, error), end; !error && at != end; at.increment(error))
    if (at->is_directory()) names.push_back(at->path().filename().string());
  if (error || names.empty())
    return fail(Errc::not_found, "no templates in " + templates.string() +
                                     ": install the package tomada-plugin-dev, or the SDK beside this program");
  std::sort(names.begin(), names.end());
  return names;
}

Result<std::vector<fs::path>> files_of(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::recursive_directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
    if (at->is_regular_file()) files.push_back(at->path().lexically_relative(folder));
  if (error) return fail(Errc::unavailable, folder.string() + ": " + error.message());
  if (files.size() > k_files_max)
    return fail(Errc::invalid_data, folder.string() + ": more than 100 files, so not the installed template");
  std::sort(files.begin(), files.end());
  return files;
}

std::string with_id(std::string text, const std::string& id) {
  std::string without_dash = id;
  std::replace(without_dash.begin(), without_dash.end(), '-', '_');
  for (const auto& [placeholder, own] : {std::pair{k_id, id}, std::pair{k_id_without_dash, without_dash}})
    for (std::size_t at = 0; (at = text.find(placeholder, at)) != std::string::npos; at += own.size())
      text.replace(at, placeholder.size(), own);
  return text;
}

Result<void> copy_file(const fs::path& from, const fs::path& to, const std::string& id) {
  std::error_code error;
  if (fs::file_size(from, error) > k_file_bytes_max || error)
    return fail(Errc::invalid_data, from.string() + ": cannot be read, or is larger than 1 MiB");
  std::ifstream in(from, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  fs::create_directories(to.parent_path(), error);
  std::ofstream out(to, std::ios::binary);
  out << with_id(text, id);
  out.close();
  if (!in || !out) return fail(Errc::unavailable, to.string() + ": cannot be written");
  return {};
}

/// A README's first block of indented lines: how to build and how to check.
std::vector<std::string> first_commands(const fs::path& readme) {
  std::vector<std::string> commands;
  std::ifstream in(readme);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("    "))
      commands.push_back(line.substr(4));
    else if (!commands.empty())
      break;
  }
  return commands;
}

std::string quoted(const fs::path& path) {
  if (path.native().find_first_of(" \t\n\"'\\$`&|;<>()*?[#~!{") == std::string::npos) return path.string();
  std::ostringstream out;
  out << std::quoted(path.string());
  return out.str();
}

}  // namespace

int new_plugin(Output output, const PluginNew& options) {
  const auto refuse = [&](const std::string& why) {
    return (void)failed(output, fail(Errc::invalid_data, why)), k_usage_error;
  };
  if (!abi::is_plugin_id(options.id))
    return refuse("the id must be 1 to 64 of a-z, 0-9 and -, not \"" + printable(options.id) + "\"");
  const fs::path root = prefix(), templates = root / "share/tomada/templates";
  const auto known = languages(templates);
  if (known.has_error()) return failed(output, known.error());
  if (std::find(known->begin(), known->end(), options.language) == known->end()) {
    std::string list;
    for (const std::string& name : *known) list += (list.empty() ? "" : ", ") + name;
    return refuse("there is no template for \"" + printable(options.language) + "\"; --lang is one of " + list);
  }
  const fs::path folder = options.folder.empty() ? fs::path(options.id) : options.folder;
  std::error_code error;
  if (fs::exists(folder, error) && !(fs::is_directory(folder, error) && fs::is_empty(folder, error)))
    return failed(
        output, fail(Errc::conflict,
                     folder.string() + " is there already and is not an empty directory: name another one with --dir"));

  const auto files = files_of(templates / options.language);
  if (files.has_error()) return failed(output, files.error());
  output.out << "Made the plugin " << options.id << " in " << folder.string() << ":\n";
  for (const fs::path& file : *files) {
    if (const auto copied = copy_file(templates / options.language / file, folder / file, options.id);
        copied.has_error())
      return failed(output, copied.error());
    output.out << "    " << file.string() << "\n";
  }
  output.out << "\nNext:\n";
  // Compilers and CMake look into these two by themselves.
  if (root != "/usr/" && root != "/usr/local/")
    output.out << "    export PATH=" << quoted(root / "bin") << ":$PATH CPATH=" << quoted(root / "include") << "\n";
  output.out << "    cd " << quoted(folder) << "\n";
  for (const std::string& command : first_commands(folder / k_readme)) output.out << "    " << command << "\n";
  return 0;
}

}  // namespace tomada::cli
