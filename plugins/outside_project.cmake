# Builds a copy of the example as a project outside of the tree; see CMakeLists.txt for the arguments.
file(REMOVE_RECURSE ${SCRATCH})
file(COPY ${EXAMPLE}/ DESTINATION ${SCRATCH}/source)
if(PACKAGE STREQUAL "installed")
  execute_process(COMMAND ${CMAKE_COMMAND} --install ${HOST_BUILD} --prefix ${SCRATCH}/prefix --component sdk
    OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
  set(prefix ${SCRATCH}/prefix)
else()
  set(prefix ${HOST_BUILD})
endif()
execute_process(COMMAND ${CMAKE_COMMAND} -G Ninja -S ${SCRATCH}/source -B ${SCRATCH}/build -DCMAKE_PREFIX_PATH=${prefix}
  OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} --build ${SCRATCH}/build COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} -DFILE=${SCRATCH}/build/example.so -DNM=${NM} -DREADELF=${READELF} -P ${CHECK}
  COMMAND_ERROR_IS_FATAL ANY)

# A changed manifest must reach the file.
file(READ ${SCRATCH}/source/manifest.json manifest)
string(REPLACE "\"version\": \"0.1.0\"" "\"version\": \"7.8.9\"" manifest "${manifest}")
file(WRITE ${SCRATCH}/source/manifest.json "${manifest}")
execute_process(COMMAND ${CMAKE_COMMAND} --build ${SCRATCH}/build OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${READELF} -p .note.tomada ${SCRATCH}/build/example.so
  OUTPUT_VARIABLE note COMMAND_ERROR_IS_FATAL ANY)
if(NOT note MATCHES "7\\.8\\.9")
  message(FATAL_ERROR "the note still holds the old manifest:\n${note}")
endif()
