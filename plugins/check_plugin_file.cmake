# What a plugin file may export and need: cmake -DFILE=x.so -DNM=nm -DREADELF=readelf [-DSANITIZE=..] -P this
execute_process(COMMAND ${NM} -D --defined-only --format=posix ${FILE}
  OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
string(REGEX REPLACE "\n$" "" symbols "${symbols}")
if(NOT symbols MATCHES "^tomada_plugin_entry_v1 T [0-9a-f]+ [0-9a-f]+$")
  message(FATAL_ERROR "${FILE} must export tomada_plugin_entry_v1 alone, but exports:\n${symbols}")
endif()

execute_process(COMMAND ${READELF} -dW ${FILE} OUTPUT_VARIABLE dynamic COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "Shared library: \\[[^]]+\\]" needed "${dynamic}")
foreach(library IN LISTS needed)
  if(NOT library MATCHES "\\[(libc|libm|libstdc\\+\\+|libgcc_s|ld-linux-[^.]+)\\.so" AND
     NOT (SANITIZE AND library MATCHES "\\[lib(asan|ubsan|tsan)\\.so"))
    message(FATAL_ERROR "${FILE} needs a library that a plugin may not need: ${library}")
  endif()
endforeach()
if(dynamic MATCHES "TEXTREL|STATIC_TLS" AND NOT SANITIZE)
  message(FATAL_ERROR "${FILE} has text relocations or static thread-local storage")
endif()

execute_process(COMMAND ${READELF} -nW ${FILE} OUTPUT_VARIABLE notes COMMAND_ERROR_IS_FATAL ANY)
if(NOT notes MATCHES "\\.note\\.tomada")
  message(FATAL_ERROR "${FILE} has no manifest note")
endif()
