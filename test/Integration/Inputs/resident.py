"""resident.py SAID INFO -- BASE... -- COMMAND...

SAID is what lnsc printed, INFO what `lns plan info --json` printed. Fails unless
both name the same bytes, and unless COMMAND's peak of resident memory is within
10 % of these and of what the process BASE had at its peak."""

import json
import re
import subprocess
import sys


# Linux counts what the process held before it became the command: the memory of
# the Python that started it. So that is one with as little as there can be.
STARTER = """
import posix, sys
null = posix.open("/dev/null", posix.O_WRONLY)
pid = posix.posix_spawnp(sys.argv[1], sys.argv[1:], posix.environ,
                         file_actions=[(posix.POSIX_SPAWN_DUP2, null, 1)])
_, status, usage = posix.wait4(pid, 0)
print(usage.ru_maxrss * 1024 if status == 0 else 0)
"""


def peak(command):
    """The highest resident memory of a command that must succeed, in bytes."""
    starter = [sys.executable, "-I", "-S", "-c", STARTER, *command]
    bytes_ = int(subprocess.run(starter, stdout=subprocess.PIPE, check=True).stdout)
    if not bytes_:
        sys.exit(f"{command[0]} failed")
    return bytes_


arguments = sys.argv[1:]
said_path, info_path = arguments[:2]
assert arguments[2] == "--"
end = arguments.index("--", 3)
base, command = arguments[3:end], arguments[end + 1 :]

said = re.search(
    r"to train on (\d+) threads: (\d+) bytes = parameters (\d+) \+ gradients (\d+)"
    r" \+ optimizer (\d+) \+ activations (\d+) \+ workspace (\d+) \+ io (\d+)"
    r" \+ constants (\d+) \+ matmul (\d+) \+ scratch (\d+) x (\d+)\n",
    open(said_path).read(),
)
said = dict(
    zip(
        "threads total parameters gradients optimizer activations workspace io "
        "constants matmul scratch_threads scratch_per_thread".split(),
        map(int, said.groups()),
    )
)
assert said.pop("scratch_threads") == said["threads"]
said["scratch"] = said["threads"] * said["scratch_per_thread"]
info = json.load(open(info_path))["memory"]
if said != info:
    sys.exit(f"the compiler says {said}, the plan {info}")
parts = sum(v for k, v in info.items() if k not in ("threads", "total", "scratch_per_thread"))
if parts != info["total"]:
    sys.exit(f"the parts add up to {parts}, not to {info['total']}")
print(f"compiler and plan agree: {info['total']} bytes on {info['threads']} threads")

base_bytes, command_bytes = peak(base), peak(command)
expected = info["total"] + base_bytes
print(f"peak {command_bytes}, expected {expected}: {command_bytes / expected:.3f}")
if not 0.9 <= command_bytes / expected <= 1.1:
    sys.exit(
        f"peak of {command_bytes} bytes, expected {expected} "
        f"({info['total']} of the session, {base_bytes} of the process)"
    )
