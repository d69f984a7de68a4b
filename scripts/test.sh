#!/usr/bin/env bash
# Set-up, build, and every test: lit files and unit tests in one run.
#
# The last line is `N passed, N failed`, followed by `, N skipped` when this
# machine lacks something that a test needs. The exit code is 0 only when tests
# ran and none failed. Further arguments go to lit.
# LNS_BUILD_DIR and LNS_JOBS: as in scripts/build.sh.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$(realpath -m "${LNS_BUILD_DIR:-$root/build}")
export LNS_BUILD_DIR=$build
jobs=${LNS_JOBS:-$(nproc)}

# Whatever stops the script before the tests have run counts as one failure.
counted=no
finish() {
  local code=$?
  if [[ $counted == no ]]; then
    echo "0 passed, 1 failed"
    [[ $code -ne 0 ]] || code=1
  fi
  exit "$code"
}
trap finish EXIT

"$root/scripts/build.sh"

results=$build/test/results.xml
rm -f "$results"
lit=$(sed -n 's/^LNS_LIT:[A-Z]*=//p' "$build/CMakeCache.txt")
"$lit" -j "$jobs" --order=smart -v --xunit-xml-output "$results" "$@" \
  "$build/test" "$build/test/unit" || true
[[ -f "$results" ]] || {
  echo "test.sh: error: lit ran no test" >&2
  exit 1
}

# The counts come from lit's own record, not from its printed summary.
counts=$(python3 - "$results" <<'PYTHON'
import sys
import xml.etree.ElementTree as xml

suites = xml.parse(sys.argv[1]).getroot().iter("testsuite")
counts = [[int(suite.get(key)) for key in ("tests", "failures", "skipped")]
          for suite in suites]
total, failed, skipped = (sum(column) for column in zip(*counts))
print(total - failed - skipped, failed, skipped)
PYTHON
)
read -r passed failed skipped <<<"$counts"
[[ $passed -gt 0 || $failed -gt 0 ]] || {
  echo "test.sh: error: no test was run" >&2
  exit 1
}
counted=yes
if [[ $skipped -gt 0 ]]; then
  echo "$passed passed, $failed failed, $skipped skipped"
else
  echo "$passed passed, $failed failed"
fi
[[ $failed -eq 0 ]]
