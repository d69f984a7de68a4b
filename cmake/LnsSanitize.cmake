# Builds the runtime, the trainer and their tests with sanitizers: see the
# presets asan and tsan, and docs/testing.md.
include_guard(GLOBAL)

set(LNS_SANITIZE "" CACHE STRING
    "Sanitizers for everything but device code, as -fsanitize takes them")

if(LNS_SANITIZE)
  # Debian's LLVM is not instrumented: containers that its headers annotate would
  # be half in its memory and half in ours, and every report would be about that.
  if(LNS_BUILD_COMPILER)
    message(FATAL_ERROR "LNS_SANITIZE=${LNS_SANITIZE} needs "
                        "LNS_BUILD_COMPILER=OFF; use the preset asan or tsan")
  endif()
  # The first report ends the program, or a test would pass in spite of it.
  add_compile_options("-fsanitize=${LNS_SANITIZE}" -fno-sanitize-recover=all
                      -fno-omit-frame-pointer)
  add_link_options("-fsanitize=${LNS_SANITIZE}")
endif()

option(LNS_BUILD_FUZZERS "Build libFuzzer programs (clang; preset asan)" OFF)
if(LNS_BUILD_FUZZERS)
  # Our code tells the fuzzer where it has been; LLVM's does not.
  # Checksums are loops over the whole input: every edge of them that counts
  # costs more than all of what is looked for.
  add_compile_options(-fsanitize=fuzzer-no-link
    "-fsanitize-coverage-ignorelist=${CMAKE_CURRENT_LIST_DIR}/fuzz-coverage-ignore.txt")
endif()

# lns_do_not_sanitize(target): for code that stands for something foreign, such
# as machine code out of a plan or a device's driver.
function(lns_do_not_sanitize target)
  if(LNS_SANITIZE)
    # With no coverage, its ignore list is an argument that is not used.
    target_compile_options(${target} PRIVATE -fno-sanitize=all
                           -Wno-unused-command-line-argument)
  endif()
endfunction()
