#include "host/serve/router.hpp"

#include "host/base/assert.hpp"
#include "host/base/encoding.hpp"
#include "host/serve/problem.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <optional>

namespace tomada::serve {
namespace {

/// Views into `path`, which begins with a slash.
std::vector<std::string_view> split_path(std::string_view path) {
  std::vector<std::string_view> segments;
  segments.reserve(8);
  while (!path.empty()) {
    path.remove_prefix(1);  // the slash
    const std::size_t end = std::min(path.find('/'), path.size());
    segments.push_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  return segments;
}

/// The segments of a path, decoded. Views into the path; into `decoded` where something was encoded.
std::optional<std::vector<std::string_view>> read_path(std::string_view path, std::vector<std::string>& decoded) {
  if (path.empty() || path.front() != '/' || !is_utf8(path) || path.find('\0') != std::string_view::npos) return std::nullopt;
  std::vector<std::string_view> segments = split_path(path);
  if (path.find('%') == std::string_view::npos) return segments;
  decoded.reserve(segments.size());  // so that no view moves
  for (std::string_view& segment : segments) {
    auto plain = percent_decode(segment);
    if (!plain || !is_utf8(*plain) || plain->find('\0') != std::string::npos) return std::nullopt;
    segment = decoded.emplace_back(*std::move(plain));
  }
  return segments;
}

bool is_param(std::string_view segment) { return segment.starts_with('{'); }

/// nullopt: allowed.
std::optional<Answer> check_role(Access access, access::Role role) {
  const access::Role needed = access == Access::admin       ? access::Role::admin
                              : access == Access::operator_ ? access::Role::operator_
                                                            : access::Role::viewer;
  if (role >= needed) return std::nullopt;
  return problem(403, Errc::forbidden,
                 "this needs a key with the role " + std::string(to_string(needed)) + "; this key's role is " +
                     std::string(to_string(role)));
}

}  // namespace

Router::Router(Authenticate authenticate, runtime::Metrics& metrics)
    : authenticate_(std::move(authenticate)), metrics_(metrics) {}

void Router::add(std::string_view method, std::string_view pattern, Access access, Handler handler) {
  TOMADA_ASSERT(pattern.starts_with('/'));
  const auto segments = split_path(pattern);
  TOMADA_ASSERT(!is_param(segments.front()));
  std::vector<Route>& routes = routes_[std::string(segments.front())];
  auto route = std::find_if(routes.begin(), routes.end(), [&](const Route& known) { return known.pattern == pattern; });
  if (route == routes.end())
    route = routes.insert(route, Route{std::string(pattern), {segments.begin(), segments.end()}, {}});
  for (const Method& known : route->methods) TOMADA_ASSERT(known.name != method);
  route->methods.push_back({std::string(method), access, std::move(handler)});
}

const Router::Route* Router::find(const Segments& segments, Origin origin, std::vector<std::string>& params) const {
  const auto group = routes_.find(segments.front());
  if (group == routes_.end()) return nullptr;
  for (const Route& route : group->second) {
    if (route.segments.size() != segments.size()) continue;
    if (route.methods.front().access == Access::host && origin != Origin::control) continue;
    const bool matches = std::equal(segments.begin(), segments.end(), route.segments.begin(),
                                    [](std::string_view given, const std::string& wanted) {
                                      return is_param(wanted) ? !given.empty() : given == wanted;
                                    });
    if (!matches) continue;
    for (std::size_t i = 0; i < segments.size(); ++i)
      if (is_param(route.segments[i])) params.emplace_back(segments[i]);
    return &route;
  }
  return nullptr;
}

Answer Router::answer(runtime::Task& task, const Request& request) const {
  const runtime::SteadyTime start = task.clock().steady();
  std::string_view label = "unknown";  // a path from outside must not become a label of its own
  const Answer answer = [&]() -> Answer {
    std::vector<std::string> decoded;
    const auto segments = read_path(request.path, decoded);
    if (!segments) return problem(400, Errc::invalid_data, "the path is not valid");
    std::vector<std::string> params;
    const Route* route = find(*segments, request.origin, params);
    if (route == nullptr) return problem(404, Errc::not_found, "there is nothing at " + request.path);
    label = route->pattern;
    const std::string_view wanted = request.method == "HEAD" ? "GET" : std::string_view(request.method);
    std::string allowed;
    for (const Method& method : route->methods) {
      if (method.name == wanted) return call(task, request, method, std::move(params));
      allowed += (allowed.empty() ? "" : ", ") + method.name;
      if (method.name == "GET") allowed += ", HEAD";
    }
    Answer refused = problem(405, Errc::unsupported, request.path + " does not know " + request.method + "; allowed: " + allowed);
    refused.headers.emplace_back("Allow", allowed);
    return refused;
  }();
  metrics_.api_request(label, request.method, answer.status, task.clock().steady() - start);
  return answer;
}

Answer Router::call(runtime::Task& task, const Request& request, const Method& method,
                    std::vector<std::string> params) const {
  try {
    Call call{request, {}, std::move(params)};
    if (method.access != Access::everyone && method.access != Access::host) {
      auto principal = authenticate_(task, request);
      if (principal.has_error()) return std::move(principal).error();
      call.principal = *std::move(principal);
      if (auto refused = check_role(method.access, call.principal.role)) return std::move(*refused);
    }
    return method.handler(task, call);
  } catch (const std::exception& error) {
    // A bug of ours; the text may quote a body, so it goes to the log's debug level only.
    spdlog::error("{} {}: a handler ended with an exception", request.method, request.path);
    spdlog::debug("the exception: {}", error.what());
  }
  return problem(500, Errc::internal, "the host failed to answer; its log says more");
}

}  // namespace tomada::serve
