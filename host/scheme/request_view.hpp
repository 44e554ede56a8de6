// A request's parts, each taken apart when it is first asked for. Private to scheme/.
#pragma once

#include "host/scheme/scheme.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tomada::scheme {

inline constexpr std::size_t k_parameters_max = 1'000;  // of a query or a form; more are no form

/// A JSON document that is looked into several times and parsed once.
class JsonText {
 public:
  explicit JsonText(std::string_view document) : document_(document) {}
  /// A value as text: strings as they are, numbers and booleans as written; nullopt for null, objects, arrays, no such
  /// place, or a document that is no JSON.
  [[nodiscard]] std::optional<std::string> at(const std::vector<std::string>& path) const;

 private:
  std::string_view document_;
};

/// The elements of the array at `path` ("" or "$": the document itself), each as its own text within `document`.
Result<std::vector<std::string_view>> json_elements(std::string_view document, const std::vector<std::string>& path);

class RequestView {
 public:
  using Parameters = std::vector<std::pair<std::string, std::string>>;  // decoded, in order

  explicit RequestView(const Inbound& inbound) : inbound_(inbound) {}

  [[nodiscard]] const Inbound& inbound() const { return inbound_; }
  /// nullopt: absent, or there more than once (then `duplicated`).
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name, bool* duplicated = nullptr) const;
  [[nodiscard]] std::string_view origin() const;  // "https://host:port"
  [[nodiscard]] std::string_view path() const;
  [[nodiscard]] std::string_view query() const;  // without "?"
  [[nodiscard]] const Parameters& query_parameters();
  /// nullptr: a body that is not empty and no form.
  [[nodiscard]] const Parameters* form_parameters();

 private:
  const Inbound& inbound_;
  std::optional<Parameters> query_;
  std::optional<std::optional<Parameters>> form_;
};

/// The first value, or nullopt.
std::optional<std::string> find_parameter(const RequestView::Parameters& parameters, std::string_view name);

bool equal_ignoring_case(std::string_view a, std::string_view b);

}  // namespace tomada::scheme
