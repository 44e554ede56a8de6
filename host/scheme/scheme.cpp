#include "host/scheme/scheme.hpp"

#include "host/scheme/rules.hpp"

#include <algorithm>

namespace tomada::scheme {

std::vector<std::string_view> split_secrets(std::string_view value) {
  std::vector<std::string_view> secrets;
  while (!value.empty() && secrets.size() < k_secrets_max) {
    const std::size_t end = std::min(value.find('\n'), value.size());
    std::string_view line = value.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) secrets.push_back(line);
    value.remove_prefix(std::min(end + 1, value.size()));
  }
  return secrets;
}

const SchemeRule* Webhook::Impl::find(std::string_view id) const {
  const auto found = std::find_if(rules.schemes.begin(), rules.schemes.end(),
                                  [&](const SchemeRule& scheme) { return scheme.id == id; });
  return found == rules.schemes.end() ? nullptr : &*found;
}

Webhook::Webhook(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Webhook::~Webhook() = default;

Result<std::shared_ptr<const Webhook>> Webhook::compile(const nlohmann::json& document, const nlohmann::json* config) {
  TOMADA_TRY_ASSIGN(Rules rules, compile_rules(document, config));
  return std::shared_ptr<const Webhook>(new Webhook(std::make_unique<Impl>(Impl{std::move(rules)})));
}

const std::vector<std::string>& Webhook::secret_headers() const { return impl_->rules.secret_headers; }
const std::vector<std::string>& Webhook::secret_query_parameters() const {
  return impl_->rules.secret_query_parameters;
}
const std::vector<std::string>& Webhook::secret_fields() const { return impl_->rules.secret_fields; }
const std::vector<std::string>& Webhook::redacted_fields() const { return impl_->rules.redacted; }
Reply Webhook::reply() const { return impl_->rules.reply; }
bool Webhook::has_account() const { return !impl_->rules.account.empty(); }

}  // namespace tomada::scheme
