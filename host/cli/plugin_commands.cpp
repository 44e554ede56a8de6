// tomada plugin …: what there is, who may use it, and which version.
#include "host/cli/commands.hpp"

#include "host/base/encoding.hpp"
#include "host/cli/fields.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <istream>
#include <ostream>
#include <string>
#include <utility>

namespace tomada::cli {
namespace {

using nlohmann::json;

std::string signed_by(const json& signature) {
  if (signature.empty()) return "not signed";
  const std::string name = text(signature, "trusted_as");
  return "signed by " + (name.empty() ? "a key that is not trusted" : name) + " (" + text(signature, "key") + ")";
}

/// What a plugin's author wrote, without what a terminal would obey.
std::string plain(std::string text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto at = [&](std::size_t index) { return index < text.size() ? static_cast<unsigned char>(text[index]) : 0u; };
    if (at(i) < 0x20 || at(i) == 0x7f) text[i] = '?';
    if (at(i) == 0xc2 && at(i + 1) >= 0x80 && at(i + 1) < 0xa0) text.replace(i, 2, "?");  // control characters of Latin-1
  }
  return text;
}

/// "example", "1.2.0" of example@1.2.0; the second empty without "@".
std::pair<std::string, std::string> split_at_version(const std::string& words) {
  const std::size_t at = std::min(words.find('@'), words.size());
  return {words.substr(0, at), words.substr(std::min(at + 1, words.size()))};
}

void print_file(std::ostream& out, const json& plugin) {
  const std::string file = std::filesystem::path(plugin.value("file", "")).filename();
  if (plugin.value("available", false)) {
    out << "available  " << plugin.value("id", "") << " " << plugin.value("version", "") << "  " << file
        << "  sha256:" << plugin.value("sha256", "") << "\n           from " << plain(text(plugin, "publisher"))
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
  const json waiting = plugin.value("waiting", json::array());
  if (versions.size() < 2 && pins.empty() && quarantine.is_null() && waiting.empty()) return;
  const std::string id = plugin.value("id", "");
  out << id << ":";
  for (const json& version : versions)
    out << (&version == &versions.front() ? " " : ", ") << version.value("version", "")
        << (version.value("current", false) ? " (current)" : version.value("previous", false) ? " (previous)" : "");
  out << "\n";
  for (const json& pin : pins)
    out << "  pinned       tenant " << pin.value("tenant", "") << " to " << pin.value("version", "")
        << (pin.value("available", true) ? "" : ", which is not here any more") << "\n";
  for (const json& one : waiting) {
    const json uses = one.value("uses", json());
    out << "  waiting      tenant " << one.value("tenant", "") << ": version " << one.value("version", "") << " asks for more: "
        << plain(one.value("asks_for_more", "")) << "; " << (uses.is_string() ? "calls use " + uses.get<std::string>() : "no call runs")
        << "; approve it with: tomada plugin allow " << id << " --tenant " << one.value("tenant", "") << "\n";
  }
  if (quarantine.is_null()) return;
  out << "  quarantine   since " << quarantine.value("since", "") << ": " << quarantine.value("reason", "")
      << "; release it with: tomada plugin release " << id << "\n";
}

/// What is to be approved; the words for capabilities are the host's.
void print_request(std::ostream& out, const json& shown) {
  out << shown.value("plugin", "") << " " << plain(shown.value("version", "")) << " by " << plain(shown.value("publisher", ""))
      << " asks for: " << plain(shown.value("asks_for", "")) << "\n";
  if (shown.value("approved", json()).is_null()) return;
  const auto text = [&](const char* name) { return shown.value(name, json()).is_string() ? shown.at(name).get<std::string>() : ""; };
  const std::string by = text("approved_by"), at = text("approved_at"), more = text("asks_for_more");
  if (!by.empty()) out << "approved before: by " << plain(by) << (at.empty() ? "" : " at " + at) << "\n";
  if (!more.empty()) out << "new: " << plain(more) << "\n";
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

int allow_plugin(Control& control, Output output, const PluginAllow& options, std::istream* terminal) {
  const auto [id, version] = split_at_version(options.plugin);
  const std::string path = "/control/plugins/" + percent_encode(id);
  const auto shown = ask(control, "GET", path + "/capabilities?tenant=" + percent_encode(options.tenant) +
                                             (version.empty() ? "" : "&version=" + percent_encode(version)), "", nullptr);
  if (shown.has_error()) return failed(output, shown.error());
  print_request(output.out, *shown);
  if (!shown->value("approved", json()).is_null() && shown->value("asks_for_more", json()).is_null()) {
    output.out << "plugin " << id << " is allowed for the tenant " << options.tenant << " already\n";
    return 0;
  }
  if (!options.yes) {
    if (terminal == nullptr)
      return failed(output, fail(Errc::forbidden, "nobody is asked, because the input is not a terminal: add --yes to allow this"));
    output.out << "Allow this for the tenant " << options.tenant << "? [y/N] " << std::flush;
    std::string said;
    std::getline(*terminal, said);
    if (said != "y" && said != "Y" && said != "yes") {
      output.out << "Nothing is changed.\n";
      return 1;
    }
  }
  return change(control, output, id, "allow",
                {{"tenant", options.tenant}, {"version", version.empty() ? json() : json(version)}, {"capabilities", shown->at("capabilities")}},
                [&](const json&) { return "plugin " + id + " is allowed for the tenant " + options.tenant; });
}

int roll_back_plugin(Control& control, Output output, const std::string& id) {
  return change(control, output, id, "rollback", json::object(), [&](const json& answer) {
    return "plugin " + id + ": new calls use version " + answer.value("version", "");
  });
}

int pin_plugin(Control& control, Output output, const std::string& id_and_version, const std::string& tenant) {
  const auto [name, number] = split_at_version(id_and_version);
  if (name.empty() || number.empty())
    return failed(output, fail(Errc::invalid_data, "\"" + id_and_version + "\" is not ID@VERSION, such as example@1.2.0"));
  const std::string id = name, version = number;
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
