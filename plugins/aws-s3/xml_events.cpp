#include "xml_events.hpp"

#include <tomada/failure.hpp>

#include <expat.h>

#include <new>

namespace aws_s3 {
namespace {

using tomada::sdk::Failure;

std::string_view local_name(const char* name) {
  const std::string_view whole(name);
  const std::size_t colon = whole.rfind(':');
  return colon == std::string_view::npos ? whole : whole.substr(colon + 1);
}

}  // namespace

// Called by C code, which no exception may pass: noexcept ends the process when memory is out, as the house wants it.
struct XmlReader::Callbacks {
  static XmlReader& of(void* reader) { return *static_cast<XmlReader*>(reader); }

  static void XMLCALL start(void* user, const XML_Char* name, const XML_Char**) noexcept {
    XmlReader& reader = of(user);
    if (reader.stopped_ != nullptr) return;
    if (++reader.depth_ > k_xml_depth_max) return reader.stop("elements are nested too deeply");
    reader.text_.clear();
    reader.events_.opened(local_name(name), reader.depth_);
  }

  static void XMLCALL end(void* user, const XML_Char* name) noexcept {
    XmlReader& reader = of(user);
    if (reader.stopped_ != nullptr) return;
    reader.events_.closed(local_name(name), reader.text_, reader.depth_);
    reader.text_.clear();
    --reader.depth_;
  }

  static void XMLCALL text(void* user, const XML_Char* chars, int length) noexcept {
    XmlReader& reader = of(user);
    if (reader.stopped_ != nullptr) return;
    const auto bytes = static_cast<std::size_t>(length);
    if (reader.text_.size() + bytes > k_xml_text_bytes_max) return reader.stop("an element is too long");
    reader.text_.append(chars, bytes);
  }

  static void XMLCALL doctype(void* user, const XML_Char*, const XML_Char*, const XML_Char*, int) noexcept {
    of(user).stop("it has a document type, which S3 never sends");
  }
};

void XmlReader::Free::operator()(XML_ParserStruct* parser) const { XML_ParserFree(parser); }

XmlReader::XmlReader(XmlEvents& events) : events_(events), parser_(XML_ParserCreate("UTF-8")) {
  if (!parser_) throw std::bad_alloc();
  XML_SetUserData(parser_.get(), this);
  XML_SetElementHandler(parser_.get(), Callbacks::start, Callbacks::end);
  XML_SetCharacterDataHandler(parser_.get(), Callbacks::text);
  XML_SetStartDoctypeDeclHandler(parser_.get(), Callbacks::doctype);
}

XmlReader::~XmlReader() = default;

void XmlReader::stop(const char* why) {
  if (stopped_ == nullptr) stopped_ = why;
  XML_StopParser(parser_.get(), XML_FALSE);
}

void XmlReader::parse(std::string_view bytes, bool last) {
  bytes_ += bytes.size();
  if (bytes_ > k_xml_bytes_max) throw Failure(TOMADA_E_INVALID_DATA, "the server's XML is too long");
  // One piece fits in an int: the sum does.
  if (XML_Parse(parser_.get(), bytes.data(), static_cast<int>(bytes.size()), last ? 1 : 0) == XML_STATUS_OK) return;
  const char* const why = stopped_ != nullptr ? stopped_ : XML_ErrorString(XML_GetErrorCode(parser_.get()));
  throw Failure(TOMADA_E_INVALID_DATA, "the server's XML is malformed at line " +
                                           std::to_string(XML_GetCurrentLineNumber(parser_.get())) + ": " + why);
}

}  // namespace aws_s3
