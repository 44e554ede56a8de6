#include "host/base/secret.hpp"

#include <openssl/crypto.h>

namespace tomada {

void wipe(void* memory, std::size_t size) noexcept {
  if (size != 0) OPENSSL_cleanse(memory, size);
}

}  // namespace tomada
