// Drives a fuzz target without libFuzzer, for every build: the seeds themselves, then seeded mutations of them.
// usage: replay COUNT SEED FILE...   A failing input is replayed by the same COUNT and SEED.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size);

namespace {

void run(const std::string& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const unsigned char*>(input.data()), input.size());
}

/// A few small damages: what copies, disks and people do to files.
std::string mutate(std::string input, std::mt19937_64& random) {
  const auto below = [&](std::size_t n) { return n == 0 ? 0 : static_cast<std::size_t>(random() % n); };
  for (std::size_t i = 1 + below(4); i > 0; --i) {
    const std::size_t at = below(input.size());
    switch (below(5)) {
      case 0: if (!input.empty()) input[at] = static_cast<char>(random()); break;
      case 1: if (!input.empty()) input[at] = static_cast<char>(input[at] ^ (1 << below(8))); break;
      case 2: input.erase(at, 1 + below(16)); break;
      case 3: input.insert(at, std::string(1 + below(8), static_cast<char>(random()))); break;
      default: input.resize(at); break;
    }
  }
  return input;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return std::fprintf(stderr, "usage: %s COUNT SEED FILE...\n", argv[0]), 2;
  const long count = std::strtol(argv[1], nullptr, 10);
  std::mt19937_64 random(std::strtoull(argv[2], nullptr, 10));
  std::vector<std::string> seeds;
  for (int i = 3; i < argc; ++i) {
    std::vector<std::filesystem::path> files;
    if (std::filesystem::is_directory(argv[i]))
      for (const auto& entry : std::filesystem::directory_iterator(argv[i])) files.push_back(entry.path());
    else
      files.emplace_back(argv[i]);
    for (const auto& file : files) {
      std::ifstream in(file, std::ios::binary);
      if (!in) return std::fprintf(stderr, "cannot read %s\n", file.c_str()), 1;
      seeds.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
    }
  }
  for (const auto& seed : seeds) run(seed);
  for (long i = 0; i < count; ++i) run(mutate(seeds[static_cast<std::size_t>(random() % seeds.size())], random));
  std::printf("%zu seeds and %ld mutations survived\n", seeds.size(), count);
  return 0;
}
