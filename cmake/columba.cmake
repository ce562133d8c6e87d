# How every Columba library, program and test is compiled.

add_library(columba_options INTERFACE)
target_compile_options(columba_options INTERFACE
    -Wall -Wextra -Wconversion -Wshadow -Werror -fno-strict-aliasing -fvisibility=hidden)
target_include_directories(columba_options INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_definitions(columba_options INTERFACE
    _GNU_SOURCE COLUMBA_VERSION="${PROJECT_VERSION}")
if(COLUMBA_SANITIZE)
    target_compile_options(columba_options INTERFACE
        -fsanitize=${COLUMBA_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    target_link_options(columba_options INTERFACE -fsanitize=${COLUMBA_SANITIZE})
endif()
if(CMAKE_C_COMPILER_ID MATCHES Clang)
    # Debian 12's valgrind cannot read the DWARF 5 of its clang.
    target_compile_options(columba_options INTERFACE $<$<NOT:$<CONFIG:Release>>:-gdwarf-4>)
endif()
if(COLUMBA_BUG)
    target_compile_definitions(columba_options INTERFACE COLUMBA_BUG_${COLUMBA_BUG}=1)
endif()

# columba_library(NAME SOURCES … LIBS …): a static library of one folder.
function(columba_library name)
    cmake_parse_arguments(ARG "" "" "SOURCES;LIBS" ${ARGN})
    add_library(${name} STATIC ${ARG_SOURCES})
    target_link_libraries(${name} PUBLIC ${ARG_LIBS} PRIVATE columba_options)
    target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR})
endfunction()

# columba_program(NAME SOURCES … LIBS …)
function(columba_program name)
    cmake_parse_arguments(ARG "" "" "SOURCES;LIBS" ${ARGN})
    add_executable(${name} ${ARG_SOURCES})
    target_link_libraries(${name} PRIVATE columba_options ${ARG_LIBS})
endfunction()

# columba_unit_test(NOUN LIBS … [LABELS …] [TIMEOUT s]): tests/unit/test_NOUN.c as a cmocka program.
function(columba_unit_test noun)
    if(NOT COLUMBA_TESTS)
        return()
    endif()
    cmake_parse_arguments(ARG "" "TIMEOUT" "LIBS;LABELS;SOURCES" ${ARGN})
    if(NOT ARG_TIMEOUT)
        set(ARG_TIMEOUT 120)
    endif()
    add_executable(test_${noun} ${CMAKE_SOURCE_DIR}/tests/unit/test_${noun}.c ${ARG_SOURCES})
    target_link_libraries(test_${noun} PRIVATE columba_options ${ARG_LIBS} PkgConfig::CMOCKA)
    add_test(NAME ${noun} COMMAND test_${noun})
    set_tests_properties(${noun} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT}
        SKIP_RETURN_CODE 77)
endfunction()

# columba_fuzz_target(NOUN LIBS …): tests/fuzz/fuzz_NOUN.c under libFuzzer, built with COLUMBA_FUZZ.
function(columba_fuzz_target noun)
    if(NOT COLUMBA_FUZZ)
        return()
    endif()
    cmake_parse_arguments(ARG "" "" "LIBS" ${ARGN})
    add_executable(fuzz_${noun} ${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_${noun}.c)
    target_compile_options(fuzz_${noun} PRIVATE -fsanitize=fuzzer)
    target_link_options(fuzz_${noun} PRIVATE -fsanitize=fuzzer)
    target_link_libraries(fuzz_${noun} PRIVATE columba_options ${ARG_LIBS})
    if(NOT TARGET fuzz_targets)
        add_custom_target(fuzz_targets)
    endif()
    add_dependencies(fuzz_targets fuzz_${noun})
endfunction()
