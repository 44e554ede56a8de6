// tomada plugin …: what there is, who may use it, and which version.
#include "host/cli/commands.hpp"

#include "host/base/encoding.hpp"
#include "host/cli/fields.hpp"

#include <nlohmann/json.hpp>

#include <ostream>
#include <string>

namespace tomada::cli {
namespace {

using nlohmann::json;

std::string signed_by(const json& signature) {
  if (signature.empty()) return "not signed";
  const std::string name = text(signature, "trusted_as");
  return "signed by " + (name.empty() ? "a key that is not trusted" : name) + " (" + text(signature, "key") + ")";
}

void print_file(std::ostream& out, const json& plugin) {
  const std::string file = std::filesystem::path(plugin.value("file", "")).filename();
  if (plugin.value("available", false)) {
    out << "available  " << plugin.value("id", "") << " " << plugin.value("version", "") << "  " << file
        << "  sha256:" << plugin.value("sha256", "") << "\n           from " << printable(text(plugin, "publisher"))
        << ", " << signed_by(object_at(plugin, "signature")) << "\n";
    return;
  }
  out << "refused    " << file;
  for (const json& refusal : plugin.value("refusals", json::array()))
    out << "  " << refusal.value("rule", "") << ": " << refusal.value("reason", "");
  out << "\n";
}

/// Of a plugin with one version, no pin and no quarantine the line of its file says all.
void print_versions(std::ostream& out, const json& plugin) {
  const json versions = plugin.value("versions", json::array());
  const json pins = plugin.value("pins", json::array());
  const json quarantine = plugin.value("quarantine", json());
  if (versions.size() < 2 && pins.empty() && quarantine.is_null()) return;
  const std::string id = plugin.value("id", "");
  out << id << ":";
  for (const json& version : versions)
    out << (&version == &versions.front() ? " " : ", ") << version.value("version", "")
        << (version.value("current", false) ? " (current)" : version.value("previous", false) ? " (previous)" : "");
  out << "\n";
  for (const json& pin : pins)
    out << "  pinned       tenant " << pin.value("tenant", "") << " to " << pin.value("version", "")
        << (pin.value("available", true) ? "" : ", which is not here any more") << "\n";
  if (quarantine.is_null()) return;
  out << "  quarantine   since " << quarantine.value("since", "") << ": " << quarantine.value("reason", "")
      << "; release it with: tomada plugin release " << id << "\n";
}

/// Changes one plugin; prints `done` of the answer.
template <class F>
int change(Control& control, Output output, const std::string& id, const char* what, const json& body, F done) {
  const auto changed = ask(control, "POST", "/control/plugins/" + percent_encode(id) + "/" + what, "", &body);
  if (changed.has_error()) return failed(output, changed.error());
  output.out << done(*changed) << "\n";
  return 0;
}

}  // namespace

int list_plugins(Control& control, Output output, bool as_json) {
  const auto list = ask(control, "GET", "/control/plugins", "", nullptr);
  if (list.has_error()) return failed(output, list.error());
  if (as_json) {
    output.out << list->dump(2) << "\n";
    return 0;
  }
  const json plugins = list->value("plugins", json::array());
  for (const json& plugin : plugins) print_file(output.out, plugin);
  for (const json& plugin : list->value("available", json::array())) print_versions(output.out, plugin);
  if (plugins.empty()) output.err << "No *.so in " << list->value("plugin_dir", "") << ".\n";
  return 0;
}

int allow_plugin(Control& control, Output output, const std::string& id, const std::string& tenant) {
  return change(control, output, id, "allow", {{"tenant", tenant}},
                [&](const json&) { return "plugin " + id + " is allowed for the tenant " + tenant; });
}

int roll_back_plugin(Control& control, Output output, const std::string& id) {
  return change(control, output, id, "rollback", json::object(), [&](const json& answer) {
    return "plugin " + id + ": new calls use version " + answer.value("version", "");
  });
}

int pin_plugin(Control& control, Output output, const std::string& id_and_version, const std::string& tenant) {
  const std::size_t at = id_and_version.find('@');
  if (at == std::string::npos || at == 0 || at + 1 == id_and_version.size())
    return failed(output, fail(Errc::invalid_data, "\"" + id_and_version + "\" is not ID@VERSION, such as example@1.2.0"));
  const std::string id = id_and_version.substr(0, at);
  const std::string version = id_and_version.substr(at + 1);
  return change(control, output, id, "pin", {{"tenant", tenant}, {"version", version}},
                [&](const json&) { return "plugin " + id + ": the tenant " + tenant + " stays on version " + version; });
}

int unpin_plugin(Control& control, Output output, const std::string& id, const std::string& tenant) {
  return change(control, output, id, "unpin", {{"tenant", tenant}},
                [&](const json&) { return "plugin " + id + ": the tenant " + tenant + " uses the current version"; });
}

int release_plugin(Control& control, Output output, const std::string& id) {
  return change(control, output, id, "release", json::object(),
                [&](const json&) { return "plugin " + id + " is released from quarantine"; });
}

}  // namespace tomada::cli
