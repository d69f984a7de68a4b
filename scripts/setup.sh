#!/usr/bin/env bash
# Installs what the build and the tests need, from Debian 12's own packages.
#
# Idempotent: when nothing is missing it asks no network and returns at once.
# CUDA is not installed: the build uses its headers when it finds them.
set -euo pipefail

packages=(
  # The compiler that builds us, and the LLVM/MLIR that we build on.
  clang-22 lld-22 clang-format-22 libclang-rt-22-dev
  llvm-22-dev llvm-22-tools libmlir-22-dev mlir-22-tools
  libzstd-dev zlib1g-dev
  # Build tools.
  g++ cmake ninja-build ccache binutils
  # Libraries of the runtime and the tools.
  libdnnl-dev libflatbuffers-dev flatbuffers-compiler flatbuffers-compiler-dev
  libfmt-dev nlohmann-json3-dev libpcre2-dev libutf8proc-dev
  # Tests: GoogleTest, and lit with a time limit for each test.
  libgtest-dev python3 python3-psutil
  # Text that the demo learns from.
  bible-kjv-text r-cran-janeaustenr
)

missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
  [[ "$status" == *installed* && "$status" != *not-installed* ]] ||
    missing+=("$package")
done

if [[ ${#missing[@]} -eq 0 ]]; then
  echo "setup: all packages are installed"
  exit 0
fi

if ! command -v apt-get >/dev/null; then
  echo "setup: error: this is no Debian system; install the equivalents of:" \
    "${missing[*]}" >&2
  exit 1
fi

as_root=()
if [[ $(id -u) -ne 0 ]]; then
  if ! command -v sudo >/dev/null; then
    echo "setup: error: packages are missing and there is no sudo;" \
      "as root run: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi

apt() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q \
    -o DPkg::Lock::Timeout=300 "$@"
}

echo "setup: installing ${missing[*]}"
# An index that cannot be refreshed may still be good enough to install from.
apt update || echo "setup: warning: apt-get update failed" >&2
apt install -y --no-install-recommends "${missing[@]}"
echo "setup: done"
