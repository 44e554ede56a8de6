// Finds the handler of a request: path, method, who may, then the call itself.
#pragma once

#include "host/access/keys.hpp"
#include "host/runtime/metrics.hpp"
#include "host/runtime/task.hpp"
#include "host/serve/message.hpp"

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace tomada::serve {

/// Who may call a route.
enum class Access {
  everyone,   // no key
  viewer,     // any key
  operator_,  // operator or admin
  admin,
  host,       // only the operator of the host, over the control socket; for others the route does not exist
};

/// What a handler gets. `principal` has a tenant unless the route is for everyone or for the host.
struct Call {
  const Request& request;
  access::Principal principal;
  std::vector<std::string> params;  // the {…} of the pattern, decoded, in order
};

/// Routes are added before the first request; after that any loop may ask.
class Router {
 public:
  using Handler = std::function<Answer(runtime::Task& task, const Call& call)>;
  using Authenticate = std::function<Outcome<access::Principal>(runtime::Task& task, const Request& request)>;

  Router(Authenticate authenticate, runtime::Metrics& metrics);

  /// `pattern`: "/v1/integrations/{id}/sync". Adding the same method and pattern twice is a bug.
  void add(std::string_view method, std::string_view pattern, Access access, Handler handler);

  /// Always an answer: 404, 405 with Allow, 401, 403, or the handler's. An exception becomes 500 and is logged.
  Answer answer(runtime::Task& task, const Request& request) const;

 private:
  struct Method {
    std::string name;
    Access access;
    Handler handler;
  };
  struct Route {
    std::string pattern;
    std::vector<std::string> segments;
    std::vector<Method> methods;
  };
  using Segments = std::vector<std::string_view>;
  const Route* find(const Segments& segments, Origin origin, std::vector<std::string>& params) const;
  Answer call(runtime::Task& task, const Request& request, const Method& method, std::vector<std::string> params) const;

  Authenticate authenticate_;
  runtime::Metrics& metrics_;
  std::map<std::string, std::vector<Route>, std::less<>> routes_;  // by the first segment, which is never a parameter
};

}  // namespace tomada::serve
