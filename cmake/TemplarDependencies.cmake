# Every library comes from Debian's packages (scripts/install-dependencies.sh); here each gets one short name.
function(templar_dependency name)
  add_library(dep_${name} INTERFACE)
  target_link_libraries(dep_${name} INTERFACE ${ARGN})
endfunction()

find_package(PkgConfig REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(HIGHWAY REQUIRED IMPORTED_TARGET libhwy)

templar_dependency(libsodium PkgConfig::SODIUM)
templar_dependency(spdlog spdlog::spdlog fmt::fmt)
templar_dependency(json nlohmann_json::nlohmann_json)
templar_dependency(highway PkgConfig::HIGHWAY)
# CLI11 is headers alone: src/app/command_line/command_line.cc, the one source that includes it, needs no target.

if(TEMPLAR_ONLY_CORE)
  return()
endif()

find_package(SQLite3 REQUIRED)
find_package(ZLIB REQUIRED)
# Debian's own CMake file for oneDNN asks for OpenCL's headers, which nothing here uses.
find_library(DNNL_LIBRARY dnnl REQUIRED)
find_path(DNNL_INCLUDE_DIR oneapi/dnnl/dnnl.hpp REQUIRED)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(HTTPLIB REQUIRED IMPORTED_TARGET cpp-httplib)
pkg_check_modules(SENTENCEPIECE REQUIRED IMPORTED_TARGET sentencepiece)

templar_dependency(dnnl ${DNNL_LIBRARY})
target_include_directories(dep_dnnl SYSTEM INTERFACE ${DNNL_INCLUDE_DIR})
templar_dependency(sqlite SQLite::SQLite3)
templar_dependency(zlib ZLIB::ZLIB)
templar_dependency(zstd PkgConfig::ZSTD)
templar_dependency(sentencepiece PkgConfig::SENTENCEPIECE)
templar_dependency(curl PkgConfig::CURL)
templar_dependency(httplib PkgConfig::HTTPLIB)
