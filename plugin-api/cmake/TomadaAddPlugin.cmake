# tomada_add_plugin(NAME MANIFEST manifest.json SOURCES a.cpp b.c ... [LIBRARIES static-or-interface-targets ...])
#
# Makes NAME.so: a MODULE library with the manifest in its ELF note, which exports the entry and nothing else. For C and
# C++ sources. With the cache variable TOMADA_SANITIZE (address or thread) it is built for a host that was built so.
# Call it where find_package(TomadaPlugin) was called, or below.

# Each time: the cache remembers the compiler, but not that the language is enabled.
enable_language(ASM)

# "R" (SHF_GNU_RETAIN) keeps the note under --gc-sections; assemblers before binutils 2.36 do not know it.
if(NOT DEFINED TOMADA_NOTE_FLAGS)
  file(WRITE ${CMAKE_BINARY_DIR}/CMakeFiles/tomada_note_probe.S ".section .note.tomada, \"aR\", @note\n.long 0\n")
  execute_process(
    COMMAND ${CMAKE_ASM_COMPILER} -c ${CMAKE_BINARY_DIR}/CMakeFiles/tomada_note_probe.S
            -o ${CMAKE_BINARY_DIR}/CMakeFiles/tomada_note_probe.o
    RESULT_VARIABLE tomada_note_probe OUTPUT_QUIET ERROR_QUIET)
  if(tomada_note_probe EQUAL 0)
    set(TOMADA_NOTE_FLAGS aR CACHE INTERNAL "")
  else()
    set(TOMADA_NOTE_FLAGS a CACHE INTERNAL "")
  endif()
endif()

function(tomada_add_plugin name)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "MANIFEST" "SOURCES;LIBRARIES")
  if(NOT ARG_MANIFEST OR NOT ARG_SOURCES OR ARG_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "tomada_add_plugin(NAME MANIFEST file SOURCES files... [LIBRARIES targets...]); "
                        "not understood: '${ARG_UNPARSED_ARGUMENTS}'")
  endif()

  cmake_path(ABSOLUTE_PATH ARG_MANIFEST BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} OUTPUT_VARIABLE manifest)
  file(READ ${manifest} manifest_text)
  string(JSON id ERROR_VARIABLE json_error GET "${manifest_text}" id)
  if(json_error)
    message(FATAL_ERROR "${manifest}: ${json_error}")
  endif()
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${manifest})

  set(note ${CMAKE_CURRENT_BINARY_DIR}/${name}_note.S)
  set(TOMADA_MANIFEST ${manifest})
  configure_file(${CMAKE_CURRENT_FUNCTION_LIST_DIR}/note.S.in ${note} @ONLY)
  # .incbin is not seen by the dependency scan.
  set_source_files_properties(${note} PROPERTIES OBJECT_DEPENDS ${manifest})

  add_library(${name} MODULE ${ARG_SOURCES} ${note})
  target_link_libraries(${name} PRIVATE Tomada::plugin ${ARG_LIBRARIES})
  set_target_properties(${name} PROPERTIES PREFIX "" SUFFIX ".so" POSITION_INDEPENDENT_CODE ON
    C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
    LINK_DEPENDS ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/plugin.map)
  if(CMAKE_CXX_COMPILER)
    target_compile_features(${name} PRIVATE cxx_std_20)
  endif()

  # The host gives a plugin a stack with a guard below it: without probes a large frame could jump over the guard.
  # STB_GNU_UNIQUE symbols would be shared with other plugins and pin the file in memory.
  target_compile_options(${name} PRIVATE
    $<$<COMPILE_LANGUAGE:C,CXX>:-fstack-clash-protection>
    $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fno-gnu-unique>)
  target_link_options(${name} PRIVATE
    LINKER:--version-script=${CMAKE_CURRENT_FUNCTION_LIST_DIR}/plugin.map LINKER:--exclude-libs,ALL
    LINKER:-z,now LINKER:-z,relro LINKER:-z,noexecstack)

  if(TOMADA_SANITIZE STREQUAL "address")
    set(sanitizers -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  elseif(TOMADA_SANITIZE STREQUAL "thread")
    set(sanitizers -fsanitize=thread -fno-omit-frame-pointer)
  endif()
  if(sanitizers)
    # Their run time is in the host's program, so the plugin has undefined symbols.
    target_compile_options(${name} PRIVATE "$<$<COMPILE_LANGUAGE:C,CXX>:${sanitizers}>")
    target_link_options(${name} PRIVATE ${sanitizers})
  else()
    target_link_options(${name} PRIVATE LINKER:-z,defs)
  endif()
endfunction()
