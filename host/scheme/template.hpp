// "v0:{timestamp}:{body}": literal text and places of a request. Private to scheme/.
#pragma once

#include "host/scheme/request_view.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tomada::scheme {

struct Part {
  enum class Kind {
    literal,
    body,
    method,
    url,
    origin,
    path,
    query,
    timestamp,
    secret,
    body_sha256,
    form_sorted,
    query_sorted,
    header,
    query_parameter,
    form_parameter,
    json,
    answer,
  };
  Kind kind{Kind::literal};
  std::string text;               // literal, or the argument
  std::vector<std::string> path;  // json
};

class Template {
 public:
  /// INVALID_DATA: an unknown name, a brace without its partner.
  static Result<Template> parse(std::string_view text);

  [[nodiscard]] bool empty() const { return parts_.empty(); }
  [[nodiscard]] bool has(Part::Kind kind) const;
  [[nodiscard]] const std::vector<Part>& parts() const { return parts_; }

 private:
  std::vector<Part> parts_;
};

/// What a template is filled from, beside the request.
struct Filling {
  RequestView& request;
  JsonText json;         // of the body, or of one event
  std::string_view url;  // as signed
  std::string_view timestamp{};
  std::string_view secret{};
  std::string_view answer{};
  std::string_view omitted_query{};  // query_sorted leaves this parameter out
};

/// "a.b.0": its steps; "" and "$": none.
std::vector<std::string> split_path(std::string_view text);

enum class Missing { refuse, empty };

/// Appends to `out`. Missing::refuse: what is not there is returned in words ("the header X-Id").
std::optional<std::string> fill(const Template& text, const Filling& filling, Missing missing, std::string& out);
/// For ids and conditions: what is not there is empty.
std::string fill_or_empty(const Template& text, const Filling& filling);
/// nullopt when one part is not there.
std::optional<std::string> fill_whole(const Template& text, const Filling& filling);

}  // namespace tomada::scheme
