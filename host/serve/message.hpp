// A request and its answer, free of any HTTP library: routes are written and tested against these.
#pragma once

#include "host/base/result.hpp"

#include <boost/system/result.hpp>
#include <nlohmann/json_fwd.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tomada::serve {

using Headers = std::vector<std::pair<std::string, std::string>>;

enum class Origin {
  network,  // whoever reaches the port: a key decides
  control,  // the control socket or this process: the operator of the host
};

struct Request {
  std::string method{"GET"};
  std::string path;   // still percent-encoded, without the query
  std::string query;  // without "?"
  Headers headers{};
  std::string body{};
  Origin origin{Origin::network};
  std::string target{};        // path and query exactly as the client wrote them; from the wire only
  std::string peer_address{};  // "203.0.113.7"; empty on the control socket
  std::string peer_user{};     // on the control socket: who the kernel says it is; empty: it does not

  /// The first value of a header by name (any case), or empty.
  [[nodiscard]] std::string_view header(std::string_view name) const;
};

struct Answer {
  int status{200};
  std::string content_type{"application/json"};
  std::string body{};
  Headers headers{};

  Answer() = default;
  Answer(int status_code, std::string type, std::string text)
      : status(status_code), content_type(std::move(type)), body(std::move(text)) {}
  /// An error as problem details, so that TOMADA_TRY works in a handler.
  Answer(const Error& error);  // NOLINT(google-explicit-constructor)
};

/// Invalid UTF-8 in a text becomes U+FFFD.
Answer json_answer(int status, const nlohmann::ordered_json& document);

/// A value, or the answer that refuses the request.
template <class T>
using Outcome = boost::system::result<T, Answer>;

}  // namespace tomada::serve
