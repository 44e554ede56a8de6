// /webhooks/…: what providers call. No key: the signature decides, and webhook/ judges it.
#include "host/serve/routes.hpp"

#include "host/serve/problem.hpp"

namespace tomada::serve {
namespace {

using runtime::Task;

using Receive = webhook::Response (webhook::Receiving::*)(Task&, std::string_view, const webhook::Request&);

Answer receive(Task& task, const Parts& parts, const Call& call, Receive receive_) {
  const Request& request = call.request;
  if (request.method == "HEAD") {
    // A probe, never an event: it says nothing about the address either.
    Answer refused = problem(405, Errc::unsupported, "webhooks are sent with POST or GET");
    refused.headers.emplace_back("Allow", "POST, GET");
    return refused;
  }
  const std::string rebuilt = request.query.empty() ? request.path : request.path + "?" + request.query;
  webhook::Response response = (parts.webhooks.*receive_)(
      task, call.params[0],
      {.method = request.method,
       .target = request.target.empty() ? rebuilt : request.target,
       .headers = request.headers,
       .body = request.body,
       .source_ip = request.peer_address});
  Answer answer(response.status, std::move(response.content_type), std::move(response.body));
  if (response.retry_after_seconds > 0)
    answer.headers.emplace_back("Retry-After", std::to_string(response.retry_after_seconds));
  return answer;
}

}  // namespace

void add_webhook_routes(Router& router, const Parts& parts) {
  for (const char* method : {"POST", "GET"}) {
    router.add(method, "/webhooks/{id}", Access::everyone, [parts](Task& task, const Call& call) {
      return receive(task, parts, call, &webhook::Receiving::receive);
    });
    router.add(method, "/webhooks/apps/{id}", Access::everyone, [parts](Task& task, const Call& call) {
      return receive(task, parts, call, &webhook::Receiving::receive_for_app);
    });
  }
}

}  // namespace tomada::serve
