# The one place that knows how our targets are built: n4b_library for a room, n4b_executable for a program, n4b_test for
# the tests of a room. A room's DEPENDS are the doors it may open; tests/architecture holds includes and links to the plan.

find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(spdlog REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)

find_program(N4B_CCACHE ccache)
if(N4B_CCACHE)
  # Paths below the checkout are hashed as relative ones, so that a fresh clone elsewhere finds what an earlier one compiled.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${N4B_CCACHE})
endif()
find_program(N4B_MOLD mold)

add_library(n4b_options INTERFACE)
target_include_directories(n4b_options INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(n4b_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wimplicit-fallthrough -Werror)
if(N4B_SANITIZE)
  target_compile_options(n4b_options INTERFACE -fsanitize=${N4B_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(n4b_options INTERFACE -fsanitize=${N4B_SANITIZE})
  if(N4B_SANITIZE MATCHES "thread")
    # Asio and libcpprest use fences that ThreadSanitizer does not model.
    target_compile_options(n4b_options INTERFACE -Wno-tsan)
  else()
    target_compile_options(n4b_options INTERFACE -fno-sanitize-recover=all)
  endif()
endif()
if(N4B_MOLD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_link_options(n4b_options INTERFACE -fuse-ld=mold)
endif()

# n4b_library(NAME n4b_base SOURCES a.cpp DEPENDS n4b_x PRIVATE spdlog::spdlog)
#   DEPENDS: rooms and libraries that show in headers; PRIVATE: libraries that stay in the sources.
function(n4b_library)
  cmake_parse_arguments(A "" "NAME" "SOURCES;DEPENDS;PRIVATE" ${ARGN})
  add_library(${A_NAME} STATIC ${A_SOURCES})
  target_link_libraries(${A_NAME} PUBLIC n4b_options ${A_DEPENDS} PRIVATE ${A_PRIVATE})
endfunction()

function(n4b_executable)
  cmake_parse_arguments(A "" "NAME" "SOURCES;DEPENDS" ${ARGN})
  add_executable(${A_NAME} ${A_SOURCES})
  target_link_libraries(${A_NAME} PRIVATE n4b_options ${A_DEPENDS})
endfunction()

# n4b_test(NAME base_test SOURCES a_test.cpp DEPENDS n4b_base [LABELS threaded])
#   LABELS threaded: also run under ThreadSanitizer, for which the target n4b_threaded_tests builds them and nothing else.
function(n4b_test)
  cmake_parse_arguments(A "" "NAME" "SOURCES;DEPENDS;LABELS" ${ARGN})
  if(NOT N4B_TESTS)
    return()
  endif()
  find_package(GTest REQUIRED)
  include(GoogleTest)
  add_executable(${A_NAME} ${A_SOURCES})
  target_link_libraries(${A_NAME} PRIVATE n4b_options ${A_DEPENDS} GTest::gmock GTest::gtest_main)
  if("threaded" IN_LIST A_LABELS)
    if(NOT TARGET n4b_threaded_tests)
      add_custom_target(n4b_threaded_tests)
    endif()
    add_dependencies(n4b_threaded_tests ${A_NAME})
  endif()
  # Unit tests stand back for the tests with servers beside them: those go one after the other, so the whole run lasts as long as
  # they do, and their servers have deadlines.
  set_target_properties(${A_NAME} PROPERTIES CROSSCOMPILING_EMULATOR nice)
  # One label each, since gtest_discover_tests takes a list apart; ctest -L matches it as a regular expression.
  list(JOIN A_LABELS "-" labels)
  gtest_discover_tests(${A_NAME} DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT 900 LABELS "unit-${labels}")
endfunction()

# n4b_fuzz(NAME frame_fuzz SOURCES frame_fuzz.cpp DEPENDS n4b_catchup): a libFuzzer target with clang; elsewhere its corpus
# (tests/fuzz/corpus/<NAME>) runs as a normal test.
function(n4b_fuzz)
  cmake_parse_arguments(A "" "NAME" "SOURCES;DEPENDS" ${ARGN})
  set(corpus ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${A_NAME})
  if(N4B_FUZZ)
    add_executable(${A_NAME} ${A_SOURCES})
    target_link_libraries(${A_NAME} PRIVATE n4b_options ${A_DEPENDS})
    target_link_options(${A_NAME} PRIVATE -fsanitize=fuzzer)
  else()
    add_executable(${A_NAME} ${A_SOURCES} ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus_main.cpp)
    target_link_libraries(${A_NAME} PRIVATE n4b_options ${A_DEPENDS})
    add_test(NAME ${A_NAME}_corpus COMMAND ${A_NAME} ${corpus})
    set_tests_properties(${A_NAME}_corpus PROPERTIES LABELS "unit;fuzz" TIMEOUT 120)
  endif()
endfunction()
