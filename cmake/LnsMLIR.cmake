# Finds MLIR 22, makes it link statically, and defines how this project builds
# its compiler libraries and tools.
#
# Must be included after the runtime's directories: it adds -fno-exceptions and
# LLVM's include path to the directory it is included from.
include_guard(GLOBAL)

if(NOT MLIR_DIR)
  find_program(LNS_LLVM_CONFIG NAMES llvm-config-22 llvm-config)
  if(LNS_LLVM_CONFIG)
    execute_process(COMMAND "${LNS_LLVM_CONFIG}" --prefix
                    OUTPUT_VARIABLE _lns_llvm_prefix
                    OUTPUT_STRIP_TRAILING_WHITESPACE)
    list(PREPEND CMAKE_PREFIX_PATH "${_lns_llvm_prefix}")
  endif()
endif()
find_package(MLIR 22.1 REQUIRED CONFIG)

list(APPEND CMAKE_MODULE_PATH "${MLIR_CMAKE_DIR}" "${LLVM_CMAKE_DIR}")
# Without it add_mlir_doc writes to /docs of the root file system.
set(MLIR_BINARY_DIR "${CMAKE_BINARY_DIR}")
include(TableGen)
include(AddLLVM)
include(AddMLIR)

# Directory scope, because mlir_tablegen reads its -I from there.
include_directories(SYSTEM ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
include_directories("${CMAKE_SOURCE_DIR}" "${CMAKE_BINARY_DIR}")
separate_arguments(_lns_llvm_definitions NATIVE_COMMAND "${LLVM_DEFINITIONS}")
add_definitions(${_lns_llvm_definitions})
# Code that mlir-tblgen makes leaves parameters unused.
add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions>
                    $<$<COMPILE_LANGUAGE:CXX>:-Wno-unused-parameter>)

# Everything static. The exported MLIR archives name the shared "LLVM"; a tool
# that mixed both would hold LLVM's options twice. A static tool starts in 2 ms
# where the shared one takes 24 ms, which is most of a lit test.
llvm_map_components_to_libnames(LNS_LLVM_LIBS
  Support SupportLSP Core Passes OrcJIT FrontendOpenMP Remarks
  X86CodeGen X86AsmParser TargetParser)
get_property(_lns_mlir_libs GLOBAL PROPERTY MLIR_ALL_LIBS)
foreach(lib IN LISTS _lns_mlir_libs)
  if(NOT TARGET ${lib})
    continue()
  endif()
  get_target_property(_links ${lib} INTERFACE_LINK_LIBRARIES)
  if(NOT _links)
    continue()
  endif()
  set(_new "")
  foreach(link IN LISTS _links)
    if(link STREQUAL "LLVM")
      list(APPEND _new ${LNS_LLVM_LIBS})
    else()
      list(APPEND _new "${link}")
    endif()
  endforeach()
  set_target_properties(${lib} PROPERTIES INTERFACE_LINK_LIBRARIES "${_new}")
endforeach()

# One precompiled header of common MLIR headers serves all compiler libraries:
# it halves the time of a typical pass file. Only clang gains: g++ needs a third
# of a gigabyte for it.
# Ninja compiles in the build folder, so that the path can be relative.
if(LNS_USE_PCH AND CMAKE_CXX_COMPILER_ID MATCHES "Clang"
   AND CMAKE_GENERATOR STREQUAL "Ninja")
  set(LNS_PCH CMakeFiles/LnsPch.dir/cmake_pch.hxx.pch)
  file(CONFIGURE OUTPUT "${CMAKE_BINARY_DIR}/cmake/LnsPch.cpp"
       CONTENT "// Carries the precompiled header.\n")
  add_library(LnsPch STATIC "${CMAKE_BINARY_DIR}/cmake/LnsPch.cpp")
  set(_headers
    mlir/Dialect/Arith/IR/Arith.h
    mlir/Dialect/Func/IR/FuncOps.h
    mlir/IR/Builders.h
    mlir/IR/BuiltinOps.h
    mlir/IR/PatternMatch.h
    mlir/Pass/Pass.h
    mlir/Transforms/GreedyPatternRewriteDriver.h)
  list(TRANSFORM _headers REPLACE "(.+)" "<\\1>" OUTPUT_VARIABLE _included)
  target_precompile_headers(LnsPch PRIVATE ${_included})
  # ccache accepts a precompiled header only when its bytes do not depend on the
  # time it was made at.
  target_compile_options(LnsPch PRIVATE -Xclang -fno-pch-timestamp)
  # Those bytes also name the folder that it was made in. With CCACHE_PCH_EXTSUM
  # (scripts/build.sh) ccache reads this file in their place, and sees no path of
  # the folder, so that clones share what they compile.
  string(TOUPPER "${CMAKE_BUILD_TYPE}" _type)
  file(TIMESTAMP "${MLIR_DIR}/MLIRConfig.cmake" _installed)
  string(SHA256 _sum "${CMAKE_CXX_COMPILER_VERSION};${_installed};${_headers};\
${CMAKE_CXX_FLAGS};${CMAKE_CXX_FLAGS_${_type}}")
  file(CONFIGURE CONTENT "${_sum}\n"
    OUTPUT "${CMAKE_BINARY_DIR}/${LNS_PCH}.sum")
endif()


# lns_add_compiler_library(Name
#   SOURCES    files
#   [DEPENDS    targets that must exist first, such as FooIncGen]
#   [LINK_LIBS  what users of this library link too]
#   [NO_PCH])
# A static library; MLIR's archives in LINK_LIBS already bring LLVM's.
function(lns_add_compiler_library name)
  cmake_parse_arguments(ARG "NO_PCH" "" "SOURCES;DEPENDS;LINK_LIBS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
  target_link_libraries(${name} PUBLIC ${ARG_LINK_LIBS})
  if(TARGET LnsPch AND NOT ARG_NO_PCH)
    # Not REUSE_FROM, which names the header by its whole path.
    set_source_files_properties(${ARG_SOURCES} PROPERTIES
      OBJECT_DEPENDS "${CMAKE_BINARY_DIR}/${LNS_PCH}")
    target_compile_options(${name} PRIVATE -Xclang -fno-pch-timestamp
      "SHELL:-include-pch ${LNS_PCH}")
  endif()
endfunction()

# lns_add_compiler_tool(name SOURCES ... [DEPENDS ...] [LINK_LIBS ...]): a program
# in <build>/bin, which is also installed. No precompiled header: a program is
# compiled with -fPIE, a library with -fPIC, and clang wants the same in both.
function(lns_add_compiler_tool name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;LINK_LIBS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
  target_link_libraries(${name} PRIVATE ${ARG_LINK_LIBS} ${LNS_LLVM_LIBS})
  install(TARGETS ${name} RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
endfunction()

# lns_host_pass_plugins(tool): the tool can load pass plugins. A plugin links
# neither MLIR nor the dialect but takes both from the program that loads it: a
# second MLIR in one process would have other type ids and a registry of its
# own. So the program keeps and exports all of what passes are written with,
# whether or not it calls it itself.
function(lns_host_pass_plugins tool)
  set(whole LnsDialect MLIRIR MLIRPass MLIRTransformUtils MLIRFuncDialect
      MLIRArithDialect)
  target_link_libraries(${tool} PRIVATE ${whole} MLIRPluginsLib)
  # Once, and before everything else: archives that depend on each other in
  # circles are named repeatedly, and twice whole is defined twice.
  list(TRANSFORM whole REPLACE "(.+)" "$<TARGET_FILE:\\1>" OUTPUT_VARIABLE files)
  list(JOIN files "," files)
  target_link_options(${tool} BEFORE PRIVATE
    "LINKER:--whole-archive,${files},--no-whole-archive")
  set_target_properties(${tool} PROPERTIES ENABLE_EXPORTS ON)
endfunction()

# find_package(lnsc) against the build tree gives lnsc_add_pass_plugin.
configure_file("${CMAKE_CURRENT_LIST_DIR}/lnscConfig.cmake.in"
               "${CMAKE_BINARY_DIR}/cmake/lnsc/lnscConfig.cmake" @ONLY)
