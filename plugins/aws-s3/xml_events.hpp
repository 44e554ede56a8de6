// Expat with the limits that a reply from the network needs: no DTD (so no entities of its own), bounded depth, text
// and total size.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

struct XML_ParserStruct;

namespace aws_s3 {

inline constexpr std::size_t k_xml_bytes_max = 16 * 1024 * 1024;  // 1,000 keys of 1,024 bytes, each byte as %XX: 4 MiB
inline constexpr std::size_t k_xml_text_bytes_max = 64 * 1024;    // of one element
inline constexpr std::size_t k_xml_depth_max = 16;

/// Who wants to know. Names come without namespace prefix.
class XmlEvents {
 public:
  virtual ~XmlEvents() = default;
  /// `depth` is 1 for the root.
  virtual void opened(std::string_view name, std::size_t depth) = 0;
  /// `text`: all character data between the last opening or closing tag and this one.
  virtual void closed(std::string_view name, std::string_view text, std::size_t depth) = 0;
};

class XmlReader {
 public:
  /// `events` outlives the reader.
  explicit XmlReader(XmlEvents& events);
  ~XmlReader();
  XmlReader(const XmlReader&) = delete;
  XmlReader& operator=(const XmlReader&) = delete;

  /// The next piece of the document. Throws Failure (INVALID_DATA) with the place and the reason.
  void feed(std::string_view bytes) { parse(bytes, false); }
  /// The document is over: it must be complete.
  void finish() { parse({}, true); }

 private:
  struct Free {
    void operator()(XML_ParserStruct* parser) const;
  };
  struct Callbacks;
  void parse(std::string_view bytes, bool last);
  void stop(const char* why);

  XmlEvents& events_;
  std::unique_ptr<XML_ParserStruct, Free> parser_;
  std::size_t bytes_{0};
  std::size_t depth_{0};
  std::string text_;
  const char* stopped_{nullptr};
};

}  // namespace aws_s3
