// S3's replies come from whatever server the integration's endpoint names.
#include "errors.hpp"
#include "reply.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

// The first byte is the size of the pieces that the reply arrives in.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t piece_bytes = data[0] == 0 ? size : data[0];
  std::string_view xml(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    aws_s3::ReplyReader reader;
    for (; !xml.empty(); xml.remove_prefix(piece_bytes < xml.size() ? piece_bytes : xml.size()))
      reader.feed(xml.substr(0, piece_bytes));
    reader.finish();
    if (reader.error()) {
      const auto failure = aws_s3::failure_of(*reader.error(), {.http_status = 400});
      if (failure.status() == TOMADA_OK || failure.message().empty()) std::abort();
    }
    for (const aws_s3::ObjectEntry& object : reader.page().objects)
      if (object.key.empty()) std::abort();
  } catch (const tomada::sdk::Failure& failure) {
    if (failure.status() != TOMADA_E_INVALID_DATA) std::abort();
  }
  return 0;
}
