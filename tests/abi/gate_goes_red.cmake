# The gate of the ABI must be able to go red: with the header as it is the tables compile, and with each forbidden change of it they
# do not, for that reason. Arguments: CXX, ROOT (the project), SCRATCH.
function(judge header result output)
  foreach(source layout_test.cpp signatures.cpp)
    execute_process(COMMAND ${CXX} -std=c++20 -fsyntax-only -I ${SCRATCH}/${header} -I ${ROOT} -I ${ROOT}/plugin-api/include ${ROOT}/tests/abi/${source}
      RESULT_VARIABLE code ERROR_VARIABLE words)
    if(NOT code EQUAL 0)
      set(${result} ${code} PARENT_SCOPE)
      set(${output} "${words}" PARENT_SCOPE)
      return()
    endif()
  endforeach()
  set(${result} 0 PARENT_SCOPE)
endfunction()

file(READ ${ROOT}/plugin-api/include/tomada/plugin.h header)
file(REMOVE_RECURSE ${SCRATCH})

# name|text of the header|what becomes of it
set(changes
  "a_field_between|  uint32_t timeout_ms|  uint32_t priority^ uint32_t timeout_ms"
  "two_slots_swapped|tomada_status (*sync)(|tomada_status (*sync_first)(tomada_call call)^ tomada_status (*sync)("
  "an_argument_more|(*check)(tomada_call call)|(*check)(tomada_call call, uint32_t flags)"
  "another_type|(*sleep_ms)(tomada_call call, uint64_t duration_ms)|(*sleep_ms)(tomada_call call, uint32_t duration_ms)"
  "another_status|#define TOMADA_E_DEADLINE 2 |#define TOMADA_E_DEADLINE 17 "
  "a_narrower_handle|typedef uint64_t tomada_call|typedef uint32_t tomada_call")

file(WRITE ${SCRATCH}/same/tomada/plugin.h "${header}")
judge(same code words)
if(NOT code EQUAL 0)
  message(FATAL_ERROR "the header as it is does not pass its own gate:\n${words}")
endif()
foreach(change IN LISTS changes)
  string(REPLACE "|" ";" parts "${change}")
  list(POP_FRONT parts name from to)
  string(REPLACE "^" ";" to "${to}")
  string(FIND "${header}" "${from}" at)
  if(at EQUAL -1)
    message(FATAL_ERROR "plugin.h has no longer: ${from}")
  endif()
  string(REPLACE "${from}" "${to}" changed "${header}")
  file(WRITE ${SCRATCH}/${name}/tomada/plugin.h "${changed}")
  judge(${name} code words)
  if(code EQUAL 0)
    message(FATAL_ERROR "the gate stays green although the header has ${name}")
  endif()
  if(NOT words MATCHES "static assertion failed")
    message(FATAL_ERROR "${name} fails for another reason:\n${words}")
  endif()
endforeach()
