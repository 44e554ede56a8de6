#include "host/scheme/template.hpp"

#include "host/base/encoding.hpp"
#include "host/scheme/crypto.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace tomada::scheme {
namespace {

using Kind = Part::Kind;

struct Name {
  std::string_view text;
  Kind kind;
  bool takes_argument;
};
constexpr std::array<Name, 16> k_names{{{"body", Kind::body, false},
                                        {"method", Kind::method, false},
                                        {"url", Kind::url, false},
                                        {"origin", Kind::origin, false},
                                        {"path", Kind::path, false},
                                        {"query", Kind::query, false},
                                        {"timestamp", Kind::timestamp, false},
                                        {"secret", Kind::secret, false},
                                        {"body_sha256", Kind::body_sha256, false},
                                        {"form_sorted", Kind::form_sorted, false},
                                        {"query_sorted", Kind::query_sorted, false},
                                        {"answer", Kind::answer, false},
                                        {"header", Kind::header, true},
                                        {"query", Kind::query_parameter, true},
                                        {"form", Kind::form_parameter, true},
                                        {"json", Kind::json, true}}};

Result<Part> parse_part(std::string_view inside) {
  const std::size_t colon = inside.find(':');
  const std::string_view name = inside.substr(0, colon);
  const bool has_argument = colon != std::string_view::npos;
  const auto known = std::find_if(k_names.begin(), k_names.end(), [&](const Name& one) {
    return one.text == name && one.takes_argument == has_argument;
  });
  if (known == k_names.end()) {
    std::string words;
    for (const Name& one : k_names)
      words += (words.empty() ? "{" : ", {") + std::string(one.text) + (one.takes_argument ? ":…}" : "}");
    return fail(Errc::invalid_data, "unknown \"{" + std::string(inside.substr(0, 64)) + "}\"; known are: " + words);
  }
  Part part{known->kind, has_argument ? std::string(inside.substr(colon + 1)) : std::string(), {}};
  if (has_argument && part.text.empty())
    return fail(Errc::invalid_data, "{" + std::string(inside) + "} needs a name after the colon");
  if (part.kind == Kind::json) part.path = split_path(part.text);
  return part;
}

std::string sorted_form(const RequestView::Parameters& parameters) {
  RequestView::Parameters sorted = parameters;
  std::sort(sorted.begin(), sorted.end());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  std::string out;
  for (const auto& [name, value] : sorted) out += name + value;
  return out;
}

std::string sorted_query(const RequestView::Parameters& parameters, std::string_view omitted) {
  RequestView::Parameters sorted = parameters;
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::string out;
  for (const auto& [name, value] : sorted) {
    if (name == omitted) continue;
    out += (out.empty() ? "" : "&") + name + "=" + value;
  }
  return out;
}

/// nullopt: not there.
bool append(const Part& part, const Filling& filling, std::string& out) {
  RequestView& request = filling.request;
  const auto append_found = [&out](const auto& found) {
    if (found) out += *found;
    return found.has_value();
  };
  switch (part.kind) {
    case Kind::literal:
      out += part.text;
      return true;
    case Kind::body:
      out += request.inbound().body;
      return true;
    case Kind::method:
      out += request.inbound().method;
      return true;
    case Kind::url:
      out += filling.url;
      return true;
    case Kind::origin:
      out += request.origin();
      return true;
    case Kind::path:
      out += request.path();
      return true;
    case Kind::query:
      out += request.query();
      return true;
    case Kind::timestamp:
      out += filling.timestamp;
      return !filling.timestamp.empty();
    case Kind::secret:
      out += filling.secret;
      return true;
    case Kind::answer:
      out += filling.answer;
      return true;
    case Kind::body_sha256:
      out += hex_encode(digest(Digest::sha256, request.inbound().body));
      return true;
    case Kind::form_sorted: {
      const auto* form = request.form_parameters();
      if (form != nullptr) out += sorted_form(*form);
      return form != nullptr;
    }
    case Kind::query_sorted:
      out += sorted_query(request.query_parameters(), filling.omitted_query);
      return true;
    case Kind::header:
      return append_found(request.header(part.text));
    case Kind::query_parameter:
      return append_found(find_parameter(request.query_parameters(), part.text));
    case Kind::form_parameter: {
      const auto* form = request.form_parameters();
      return form != nullptr && append_found(find_parameter(*form, part.text));
    }
    case Kind::json:
      return append_found(filling.json.at(part.path));
  }
  return false;
}

std::string words_of(const Part& part) {
  switch (part.kind) {
    case Kind::timestamp:
      return "the timestamp";
    case Kind::form_sorted:
      return "a form (application/x-www-form-urlencoded) in the body";
    case Kind::header:
      return "the header " + part.text;
    case Kind::query_parameter:
      return "the query parameter " + part.text;
    case Kind::form_parameter:
      return "the form field " + part.text;
    case Kind::json:
      return "the JSON field " + part.text;
    default:
      return "a part of what is signed";
  }
}

}  // namespace

std::vector<std::string> split_path(std::string_view text) {
  std::vector<std::string> path;
  if (text == "$" || text.empty()) return path;
  while (true) {
    const std::size_t dot = std::min(text.find('.'), text.size());
    path.emplace_back(text.substr(0, dot));
    if (dot == text.size()) return path;
    text.remove_prefix(dot + 1);
  }
}

Result<Template> Template::parse(std::string_view text) {
  Template out;
  std::string literal;
  const auto flush = [&] {
    if (!literal.empty()) out.parts_.push_back({Kind::literal, std::exchange(literal, {}), {}});
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if ((c == '{' || c == '}') && i + 1 < text.size() && text[i + 1] == c) {
      literal += c;
      ++i;
    } else if (c == '{') {
      const std::size_t end = text.find('}', i);
      if (end == std::string_view::npos)
        return fail(Errc::invalid_data, "a \"{\" without its \"}\" (a brace itself is written twice)");
      TOMADA_TRY_ASSIGN(Part part, parse_part(text.substr(i + 1, end - i - 1)));
      flush();
      out.parts_.push_back(std::move(part));
      i = end;
    } else if (c == '}') {
      return fail(Errc::invalid_data, "a \"}\" without its \"{\" (a brace itself is written twice)");
    } else {
      literal += c;
    }
  }
  flush();
  return out;
}

bool Template::has(Part::Kind kind) const {
  return std::any_of(parts_.begin(), parts_.end(), [&](const Part& part) { return part.kind == kind; });
}

std::optional<std::string> fill(const Template& text, const Filling& filling, Missing missing, std::string& out) {
  for (const Part& part : text.parts())
    if (!append(part, filling, out) && missing == Missing::refuse) return words_of(part);
  return std::nullopt;
}

std::string fill_or_empty(const Template& text, const Filling& filling) {
  std::string out;
  (void)fill(text, filling, Missing::empty, out);
  return out;
}

std::optional<std::string> fill_whole(const Template& text, const Filling& filling) {
  std::string out;
  if (fill(text, filling, Missing::refuse, out)) return std::nullopt;
  return out;
}

}  // namespace tomada::scheme
