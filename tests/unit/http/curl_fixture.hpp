// A loop in real time with a curl client that may reach loopback: sockets are real, so the clock is.
#pragma once

#include "host/http/curl_client.hpp"
#include "host/runtime/task.hpp"
#include "tests/unit/http/test_server.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

namespace tomada::http {

struct CurlFixture : testing::Test {
  runtime::SystemClock clock;
  runtime::Loop loop{clock};
  std::unique_ptr<Client> client = make_curl_client(loop, {.ca_file = {}, .allow_private = {"127.0.0.0/8"}});

  Result<Response> get(std::string url) {
    Request request;
    request.url = std::move(url);
    return get(std::move(request));
  }
  Result<Response> get(Request request, std::size_t body_bytes_max = k_body_bytes_max) {
    return runtime::run(loop, [&](runtime::Task& task) { return fetch(task, *client, std::move(request), body_bytes_max); });
  }
};

/// Answers every request of a connection with the same.
inline TestServer::Script always(std::string body) {
  return [body = std::move(body)](Connection& connection) {
    for (std::string head = connection.read_head(); !head.empty(); head = connection.read_head()) {
      (void)connection.read_body(head);
      connection.reply(body);
    }
  };
}

}  // namespace tomada::http
