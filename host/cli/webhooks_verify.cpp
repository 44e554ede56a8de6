// tomada webhooks verify: why a signature passes or fails, by the code of the intake. Needs no host, key or data directory.
#include "host/cli/commands.hpp"

#include "host/abi/inspect.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <istream>
#include <iterator>
#include <ostream>

namespace tomada::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int k_invalid = 1;
constexpr int k_wrong_usage = 2;
constexpr std::size_t k_body_bytes_max = 64 * 1024 * 1024;

/// NOT_FOUND names the ones that there are.
Result<abi::Manifest> find_manifest(const fs::path& plugin_dir, const std::string& provider) {
  std::error_code error;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(plugin_dir, error))
    if (entry.path().extension() == ".so") files.push_back(entry.path());
  if (error) return fail(Errc::unavailable, "cannot read the plugin directory " + plugin_dir.string() + ": " + error.message());
  std::sort(files.begin(), files.end());
  std::string known;
  for (const fs::path& file : files) {
    auto inspection = abi::inspect_file(file);
    if (inspection.has_error() || !inspection->has_manifest) continue;
    if (inspection->manifest.id == provider) return std::move(inspection->manifest);
    known += (known.empty() ? "" : ", ") + inspection->manifest.id;
  }
  return fail(Errc::not_found, "no plugin \"" + provider + "\" in " + plugin_dir.string() + "; there are: " + (known.empty() ? "none" : known));
}

Result<scheme::Headers> read_headers(const std::vector<std::string>& lines) {
  scheme::Headers headers;
  for (const std::string& line : lines) {
    const std::size_t colon = line.find(':');
    if (colon == 0 || colon == std::string::npos) return fail(Errc::invalid_data, "--header \"" + line + "\": must be 'Name: value'");
    const std::size_t from = std::min(line.find_first_not_of(" \t", colon + 1), line.size());
    std::string value = line.substr(from);
    while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.pop_back();
    headers.emplace_back(line.substr(0, colon), std::move(value));
  }
  return headers;
}

Result<std::shared_ptr<const scheme::Webhook>> compile(const abi::Manifest& manifest, const std::string& config_json) {
  if (!manifest.webhook) return fail(Errc::unsupported, "the plugin \"" + manifest.id + "\" receives no webhooks");
  if (config_json.empty()) return manifest.webhook;
  const json config = json::parse(config_json, nullptr, false);
  if (!config.is_object()) return fail(Errc::invalid_data, "--integration-config: must be a JSON object");
  TOMADA_TRY(abi::check_schema(manifest.config_schema, config, "config"));
  return scheme::Webhook::compile(manifest.document.at("webhook"), &config);
}

/// Empty: valid.
std::string judge(Output output, const scheme::Webhook& webhook, const WebhookVerify& options, const scheme::Inbound& inbound) {
  scheme::Secrets secrets;
  for (const std::string& field : webhook.secret_fields()) secrets[field].assign(options.secrets.begin(), options.secrets.end());
  const scheme::Verdict verdict = webhook.verify(inbound, secrets, {.now_s = options.now_s, .tolerance_s = options.tolerance_s, .allow_legacy = true});
  const auto shaken = webhook.handshake(inbound, secrets, verdict);
  if (shaken.has_error()) return shaken.error().message;
  if (*shaken) {
    output.err << "answer: " << (*shaken)->body << "\n";
    return {};
  }
  if (!verdict.valid) return verdict.reason;
  output.err << "scheme: " << verdict.scheme << "\n";
  return {};
}

}  // namespace

int verify_webhook(Output output, const fs::path& plugin_dir, const WebhookVerify& options, std::istream& input) {
  const auto wrong = [&](const Error& error) {
    (void)failed(output, error);
    return k_wrong_usage;
  };
  const auto manifest = find_manifest(plugin_dir, options.provider);
  if (manifest.has_error()) return wrong(manifest.error());
  const auto webhook = compile(*manifest, options.config_json);
  if (webhook.has_error()) return wrong(webhook.error());
  const auto headers = read_headers(options.headers);
  if (headers.has_error()) return wrong(headers.error());
  std::string body;
  body.assign(std::istreambuf_iterator<char>(input), std::istreambuf_iterator<char>());
  if (body.size() > k_body_bytes_max) return wrong(fail(Errc::invalid_data, "the body is larger than 64 MiB"));

  const std::string reason = judge(output, **webhook, options, {.method = options.method, .url = options.url, .headers = *headers, .body = body});
  output.out << (reason.empty() ? "valid" : "invalid: " + reason) << "\n";
  return reason.empty() ? 0 : k_invalid;
}

}  // namespace tomada::cli
