#!/usr/bin/env bash
# Proves and measures the CUDA target on this machine: conformance first, then
# speed, then the same models in PyTorch if there is one. Writes results.json and
# results.md into DIR (default: ./results) and prints the latter.
#
#   ./run.sh [--quick] [--out DIR] [--device cuda[:N]|cpu] [--only PATTERN]
#            [--seconds N] [--peak TFLOPS] [--bandwidth GBPS]
#
# Wants an NVIDIA driver, NVRTC and cuBLASLt of CUDA 12 or newer, and python3.
# Exit code: 0 when all that ran is right, 1 when something is wrong or there is
# no GPU, 2 for a mistake on the command line. README.md has the rest.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if ! command -v python3 >/dev/null; then
  echo "run.sh: error: there is no python3 in PATH; any of 3.8 or newer will do" >&2
  exit 1
fi
exec python3 "$here/python/gpu_bench.py" --bundle "$here" "$@"
