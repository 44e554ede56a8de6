#include "host/store/copy/row.hpp"

#include "host/base/assert.hpp"
#include "host/base/encoding.hpp"

#include <limits>

namespace tomada::store::copying {
Key key_of(const Table& table, const Row& row) {
  Key key;
  for (std::size_t i = 0; i < static_cast<std::size_t>(table.keys_count); ++i) {
    const std::string_view value = row.cells[i].value_or(std::string_view());
    key.push_back(table.columns[i].kind == Kind::bytes ? hex_encode(value) : std::string(value));
  }
  return key;
}

std::string bound(const Table& table, const Key& key, std::size_t index) {
  const Kind kind = table.columns[index].kind;
  return kind == Kind::bytes || kind == Kind::hash ? hex_decode(key[index]).value_or(std::string()) : key[index];
}

Key first_key(const Table& table) {
  Key key;
  for (const Column& column : table.columns.first(static_cast<std::size_t>(table.keys_count)))
    key.push_back(column.kind == Kind::integer || column.kind == Kind::time ? std::to_string(std::numeric_limits<std::int64_t>::min()) : "");
  return key;
}

std::string shown(const Table& table, const Key& key) {
  std::string text;
  for (std::size_t i = 0; i < key.size(); ++i) {
    text += text.empty() ? "(" : ", ";
    text += table.columns[i].name + std::string(" ") + key[i];
  }
  return text + ")";
}

void append_canonical(std::string& out, const Row& row) {
  for (std::size_t i = 0; i < row.count; ++i) {
    const auto& cell = row.cells[i];
    if (!cell) {
      out += '-';
      continue;
    }
    out += std::to_string(cell->size());
    out += ':';
    out += *cell;
  }
  out += '\n';
}

Digest::Digest() : context_(EVP_MD_CTX_new()) {
  const int done = EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr);
  TOMADA_ASSERT(done == 1);
}

void Digest::add(std::string_view bytes) {
  const int done = EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size());
  TOMADA_ASSERT(done == 1);
}

std::string Digest::hex() const {
  const std::unique_ptr<EVP_MD_CTX, Free> copy(EVP_MD_CTX_new());
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  const int done = EVP_MD_CTX_copy_ex(copy.get(), context_.get()) & EVP_DigestFinal_ex(copy.get(), digest.data(), &size);
  TOMADA_ASSERT(done == 1);
  std::string bytes;
  for (unsigned int i = 0; i < size; ++i) bytes += static_cast<char>(digest[i]);
  return hex_encode(bytes);
}

}  // namespace tomada::store::copying
