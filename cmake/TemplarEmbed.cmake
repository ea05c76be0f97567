# templar_embedded_file(<target> <file> <header> <function>)
#
# Adds a source to the target that defines std::string_view function(), which the header declares: the file's content, or nothing
# where there is no such file. The build looks for it each time.
function(templar_embedded_file target file header function)
  file(GLOB found CONFIGURE_DEPENDS "${file}")
  set(source "${CMAKE_BINARY_DIR}/embedded/${function}.cc")
  add_custom_command(OUTPUT "${source}"
    COMMAND "${CMAKE_COMMAND}" "-DFILE=${found}" "-DHEADER=${header}" "-DFUNCTION=${function}" "-DSOURCE=${source}"
            -P "${CMAKE_SOURCE_DIR}/cmake/embed.cmake"
    DEPENDS ${found} "${CMAKE_SOURCE_DIR}/cmake/embed.cmake"
    VERBATIM)
  target_sources(${target} PRIVATE "${source}")
endfunction()
