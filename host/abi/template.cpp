#include "host/abi/manifest.hpp"

namespace tomada::abi {

Result<std::string> fill_template(std::string_view text, const nlohmann::json& values) {
  std::string filled;
  filled.reserve(text.size());
  while (!text.empty()) {
    const std::size_t open = text.find('{');
    filled += text.substr(0, open);
    if (open == std::string_view::npos) break;
    const std::size_t close = text.find('}', open);
    if (close == std::string_view::npos)
      return fail(Errc::invalid_config, "a template of the manifest has a { without }");
    const std::string field(text.substr(open + 1, close - open - 1));
    const auto found = values.is_object() ? values.find(field) : values.end();
    if (found == values.end()) return fail(Errc::invalid_config, field + ": is required here but not set");
    if (found->is_string())
      filled += found->get_ref<const std::string&>();
    else if (found->is_number() || found->is_boolean())
      filled += found->dump();
    else
      return fail(Errc::invalid_config, field + ": must be a string, a number or a boolean");
    text.remove_prefix(close + 1);
  }
  return filled;
}

}  // namespace tomada::abi
