#include "tests/bench/bench_plugin.hpp"

#include "host/abi/inspect.hpp"

#include <cstdio>
#include <cstdlib>
#include <utility>

namespace tomada::bench {

void give_up(std::string_view what) {
  std::fprintf(stderr, "bench: %.*s\n", static_cast<int>(what.size()), what.data());
  std::exit(1);
}

void expect(const Result<void>& result, std::string_view what) {
  if (result.has_error()) give_up(std::string(what) + ": " + result.error().message);
}

std::shared_ptr<abi::LoadedPlugin> load_plugin() {
  auto inspection = expect(abi::inspect_file(TOMADA_BENCH_PLUGIN), "the bench plugin");
  for (const auto& refusal : inspection.refusals) give_up("the bench plugin: " + refusal.rule + ": " + refusal.reason);
  return expect(abi::LoadedPlugin::load(TOMADA_BENCH_PLUGIN, std::move(inspection.manifest)), "the bench plugin");
}

abi::SyncRequest work(std::string_view kind, std::size_t count, std::string_view url) {
  return {.entity = std::string(kind), .since = std::to_string(count), .resume = std::string(url)};
}

}  // namespace tomada::bench
