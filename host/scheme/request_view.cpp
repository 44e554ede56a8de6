#include "host/scheme/request_view.hpp"

#include "host/base/encoding.hpp"
#include "host/base/json_depth.hpp"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace tomada::scheme {
namespace {

namespace dom = simdjson::dom;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

std::optional<std::string> decode(std::string_view text) {
  std::string spaced(text);
  std::replace(spaced.begin(), spaced.end(), '+', ' ');
  return percent_decode(spaced);
}

/// nullopt: bad encoding, or too many.
std::optional<RequestView::Parameters> split_parameters(std::string_view text) {
  RequestView::Parameters parameters;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('&'), text.size());
    const std::string_view pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (pair.empty()) continue;
    if (parameters.size() == k_parameters_max) return std::nullopt;
    const std::size_t equals = std::min(pair.find('='), pair.size());
    auto name = decode(pair.substr(0, equals));
    auto value = decode(pair.substr(std::min(equals + 1, pair.size())));
    if (!name || !value) return std::nullopt;
    parameters.emplace_back(*std::move(name), *std::move(value));
  }
  return parameters;
}

/// One parser for each thread: it keeps its memory and the last document, which is mostly the next one too. Nothing
/// here suspends while it is in use.
struct LastParsed {
  dom::parser parser;
  std::string document;  // a copy: the same address may hold another text by now
  std::optional<dom::element> root;
};

std::optional<dom::element> parse(std::string_view document) {
  thread_local LastParsed last;
  if (document.empty()) return std::nullopt;
  if (last.document == document) return last.root;
  last.root.reset();
  last.document.assign(document);
  dom::element root;
  if (last.parser.parse(document.data(), document.size(), true).get(root) == simdjson::SUCCESS) last.root = root;
  return last.root;
}

std::optional<dom::element> element_at(dom::element at, const std::vector<std::string>& path) {
  for (const std::string& step : path) {
    dom::element next;
    if (at.is_object()) {
      if (at.at_key(step).get(next) != simdjson::SUCCESS) return std::nullopt;
    } else if (at.is_array()) {
      std::size_t index = 0;
      const auto read = std::from_chars(step.data(), step.data() + step.size(), index);
      if (read.ec != std::errc() || read.ptr != step.data() + step.size()) return std::nullopt;
      if (at.get_array().at(index).get(next) != simdjson::SUCCESS) return std::nullopt;
    } else {
      return std::nullopt;
    }
    at = next;
  }
  return at;
}

/// The value as it is written, and the spaces behind it gone.
bool raw_text_of(simdjson::ondemand::value& value, std::string_view& raw) {
  simdjson::ondemand::object object;
  simdjson::ondemand::array array;
  if (value.get_object().get(object) == simdjson::SUCCESS) {
    if (object.raw_json().get(raw) != simdjson::SUCCESS) return false;
  } else if (value.get_array().get(array) == simdjson::SUCCESS) {
    if (array.raw_json().get(raw) != simdjson::SUCCESS) return false;
  } else {
    raw = value.raw_json_token();
  }
  raw = raw.substr(0, raw.find_last_not_of(" \t\r\n") + 1);
  return true;
}

std::size_t authority_end(std::string_view url) {
  const std::size_t slashes = url.find("://");
  const std::size_t from = slashes == std::string_view::npos ? 0 : slashes + 3;
  return std::min(url.find_first_of("/?", from), url.size());
}

}  // namespace

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

std::optional<std::string> JsonText::at(const std::vector<std::string>& path) const {
  const auto root = parse(document_);
  if (!root) return std::nullopt;
  const auto found = element_at(*root, path);
  if (!found) return std::nullopt;
  std::string_view text;
  std::int64_t number = 0;
  std::uint64_t large = 0;
  double fraction = 0;
  bool flag = false;
  if (found->get_string().get(text) == simdjson::SUCCESS) return std::string(text);
  if (found->get_int64().get(number) == simdjson::SUCCESS) return std::to_string(number);
  if (found->get_uint64().get(large) == simdjson::SUCCESS) return std::to_string(large);
  if (found->get_bool().get(flag) == simdjson::SUCCESS) return flag ? "true" : "false";
  if (found->get_double().get(fraction) != simdjson::SUCCESS) return std::nullopt;
  std::array<char, 32> digits{};
  return std::string(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), fraction).ptr);
}

Result<std::vector<std::string_view>> json_elements(std::string_view document, const std::vector<std::string>& path) {
  // The slow, strict parser first: the other one looks only at what it passes.
  if (!is_json_depth_fine(document) || !parse(document)) return fail(Errc::invalid_data, "the body is not JSON");
  thread_local simdjson::ondemand::parser walker;
  const simdjson::padded_string padded(document);
  simdjson::ondemand::document walked;
  if (walker.iterate(padded).get(walked) != simdjson::SUCCESS) return fail(Errc::invalid_data, "the body is not JSON");
  std::string pointer;
  for (const std::string& step : path) pointer += "/" + step;
  simdjson::ondemand::value at;
  simdjson::ondemand::array array;
  const bool found = path.empty() ? walked.get_array().get(array) == simdjson::SUCCESS
                                  : walked.at_pointer(pointer).get(at) == simdjson::SUCCESS &&
                                        at.get_array().get(array) == simdjson::SUCCESS;
  if (!found)
    return fail(Errc::invalid_data, "the body has no array of events at \"" + (path.empty() ? "$" : pointer) + "\"");
  std::vector<std::string_view> elements;
  for (auto element : array) {
    std::string_view raw;
    simdjson::ondemand::value value;
    if (element.get(value) != simdjson::SUCCESS) return fail(Errc::invalid_data, "the body is not JSON");
    if (elements.size() == k_events_max)
      return fail(Errc::invalid_data, "more than " + std::to_string(k_events_max) + " events in one request");
    if (!raw_text_of(value, raw)) return fail(Errc::invalid_data, "the body is not JSON");
    elements.push_back(document.substr(static_cast<std::size_t>(raw.data() - padded.data()), raw.size()));
  }
  return elements;
}

std::optional<std::string_view> RequestView::header(std::string_view name, bool* duplicated) const {
  std::optional<std::string_view> found;
  for (const auto& [known, value] : inbound_.headers) {
    if (!equal_ignoring_case(known, name)) continue;
    if (found) {
      if (duplicated != nullptr) *duplicated = true;
      return std::nullopt;
    }
    found = value;
  }
  return found;
}

std::string_view RequestView::origin() const { return inbound_.url.substr(0, authority_end(inbound_.url)); }

std::string_view RequestView::path() const {
  const std::size_t from = authority_end(inbound_.url);
  return inbound_.url.substr(from, std::min(inbound_.url.find('?', from), inbound_.url.size()) - from);
}

std::string_view RequestView::query() const {
  const std::size_t question = inbound_.url.find('?');
  return question == std::string_view::npos ? std::string_view() : inbound_.url.substr(question + 1);
}

const RequestView::Parameters& RequestView::query_parameters() {
  if (!query_) query_ = split_parameters(query()).value_or(Parameters{});
  return *query_;
}

const RequestView::Parameters* RequestView::form_parameters() {
  if (!form_) {
    const auto type = header("Content-Type").value_or("");
    constexpr std::string_view k_form = "application/x-www-form-urlencoded";
    const bool is_form = equal_ignoring_case(type.substr(0, k_form.size()), k_form);
    if (inbound_.body.empty())
      form_.emplace(Parameters{});
    else
      form_.emplace(is_form ? split_parameters(inbound_.body) : std::nullopt);
  }
  return *form_ ? &**form_ : nullptr;
}

std::optional<std::string> find_parameter(const RequestView::Parameters& parameters, std::string_view name) {
  for (const auto& [known, value] : parameters)
    if (known == name) return value;
  return std::nullopt;
}

}  // namespace tomada::scheme
