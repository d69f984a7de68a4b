#!/usr/bin/env bash
# Installs what is missing, configures and builds: scripts/build.sh [TARGET...]
#
# LNS_BUILD_DIR  the build folder, default <repository>/build
# LNS_JOBS       how many compilations at once, default one per processor
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$(realpath -m "${LNS_BUILD_DIR:-$root/build}")
jobs=${LNS_JOBS:-$(nproc)}

"$root/scripts/setup.sh"

launcher=()
if command -v ccache >/dev/null; then
  # Paths relative to the repository, so that all clones share one cache.
  export CCACHE_BASEDIR=$root CCACHE_NOHASHDIR=true
  export CCACHE_SLOPPINESS=pch_defines,time_macros CCACHE_PCH_EXTSUM=true
  launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
fi

cd "$root"
if [[ -f $build/CMakeCache.txt ]]; then
  # Not the preset again: naming compilers anew makes CMake drop its cache.
  cmake -B "$build" "${launcher[@]}"
else
  cmake --preset release -B "$build" "${launcher[@]}"
fi
targets=()
[[ $# -eq 0 ]] || targets=(--target "$@")
cmake --build "$build" --parallel "$jobs" "${targets[@]}"
