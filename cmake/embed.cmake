# Writes SOURCE: FUNCTION(), declared in HEADER, gives FILE's content; an empty one if FILE is empty.
set(bytes "")
if(FILE)
  file(READ "${FILE}" hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(REGEX REPLACE "((0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,))" "\\1\n" bytes "${bytes}")
endif()
file(WRITE "${SOURCE}"
"#include \"${HEADER}\"

namespace templar {
namespace {
const unsigned char ${FUNCTION}_content[] = {
${bytes}0};
}

std::string_view ${FUNCTION}() { return {reinterpret_cast<const char*>(${FUNCTION}_content), sizeof(${FUNCTION}_content) - 1}; }

}  // namespace templar
")
