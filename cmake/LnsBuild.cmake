# Settings shared by every directory: standard, warnings, output folders, linker.
include_guard(GLOBAL)

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/lib")
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/lib")

include(GNUInstallDirs)

# Colour is useful in a terminal even though Ninja pipes the compiler's output.
add_compile_options(-Wall -Wextra -Werror -fdiagnostics-color=always)
add_compile_options(-ffunction-sections -fdata-sections)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND
   CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # g++ 12 sees overlaps and frees in std::string and std::vector that are not
  # there (GCC bug 105651 and its like).
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict>
                      -Wno-free-nonheap-object)
endif()
# As-needed matters: lld keeps every shared library named by an LLVM archive
# unless told otherwise, and the tools would load libraries they never call.
add_link_options(-Wl,--gc-sections -Wl,--as-needed)

if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  # A plain -fuse-ld=lld may find the lld of an older LLVM, so look for the one
  # that stands beside the compiler first.
  get_filename_component(_lns_compiler "${CMAKE_CXX_COMPILER}" REALPATH)
  get_filename_component(_lns_compiler_dir "${_lns_compiler}" DIRECTORY)
  find_program(LNS_LLD NAMES ld.lld HINTS "${_lns_compiler_dir}"
               NO_DEFAULT_PATH)
  find_program(LNS_LLD NAMES ld.lld-22 ld.lld)
  if(LNS_LLD)
    add_link_options("--ld-path=${LNS_LLD}")
  endif()
endif()
