// What a stranger writes behind the method: path, query, header lines. Whatever it is, there is one answer, and what a
// handler gets is text that can be looked up and stored.
#include "host/base/encoding.hpp"
#include "host/runtime/loop.hpp"
#include "host/serve/header_scan.hpp"
#include "host/serve/input.hpp"
#include "host/serve/router.hpp"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using namespace tomada;

void expect(bool holds) {
  if (!holds) std::abort();
}

serve::Answer handle(runtime::Task&, const serve::Call& call) {
  for (const std::string& param : call.params) expect(!param.empty() && is_utf8(param) && param.find('\0') == std::string::npos);
  const auto query = serve::Query::parse(call.request, {"status", "type", "since", "until", "verified", "limit", "cursor"});
  if (query.has_error()) return query.error();
  expect(is_utf8(query->text("type")));
  if (const auto limit = query->limit(100, 1'000); limit.has_error()) expect(limit.error().status == 400);
  else expect(*limit >= 1 && *limit <= 1'000);
  for (const char* name : {"since", "until"})
    if (const auto time = query->time(name); time.has_error()) expect(time.error().status == 400);
  if (const auto flag = query->flag("verified"); flag.has_error()) expect(flag.error().status == 400);
  return {200, "text/plain", "fine"};
}

/// The same header must end at the same place whether it comes whole or in two parts.
void scan(std::string_view text) {
  using State = serve::HeaderScan::State;
  serve::HeaderScan whole;
  const State state = whole.look(text);
  if (state == State::complete) expect(whole.bytes() <= text.size() && text.substr(0, whole.bytes()).ends_with("\r\n\r\n"));
  serve::HeaderScan parts;
  const State early = parts.look(text.substr(0, text.size() / 2));
  const State late = early == State::incomplete ? parts.look(text) : early;
  expect(late == state);
  if (state == State::complete) expect(parts.bytes() == whole.bytes());
}

std::string with_cr(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') out += '\r';
    out += c;
  }
  return out;
}

struct Fixture {
  runtime::ManualClock clock;
  runtime::Loop loop{clock};
  runtime::Metrics metrics;
  serve::Router router{[](runtime::Task&, const serve::Request&) -> serve::Outcome<access::Principal> { return access::Principal{}; }, metrics};
  Fixture() {
    for (const char* pattern : {"/", "/webhooks/{id}", "/webhooks/apps/{id}", "/v1/integrations/{id}/webhooks/logs/{webhook_id}"})
      router.add("GET", pattern, serve::Access::everyone, handle);
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  static Fixture fixture;
  std::string text(reinterpret_cast<const char*>(data), size);
  scan(text);
  scan(with_cr(text));  // seeds are text files
  if (text.ends_with('\n')) text.pop_back();
  serve::Request request;
  request.target = text;
  const std::size_t question = std::min(text.find('?'), text.size());
  request.path = text.substr(0, question);
  request.query = text.substr(std::min(question + 1, text.size()));
  const serve::Answer answer = runtime::run(fixture.loop, [&](runtime::Task& task) { return fixture.router.answer(task, request); });
  expect(answer.status == 200 || answer.status == 400 || answer.status == 404);
  return 0;
}
