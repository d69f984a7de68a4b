"""Keeps a page of docs/ true: runs its commands, and finds its code in the tree.

  check_page.py ROOT PAGE FOLDER

Blocks of `sh` run one after the other in ROOT, with FOLDER in the place of /tmp;
what builds is left out, for the tools are there. Of the lines that are indented by
four blanks behind such a block, each must be in the block's output. A block of
`cpp` or `tablegen` must be in the last file that was named before it, `...` being
lines that are left out; of `mlir`, too, if a file was named since the last block.
"""

import re
import subprocess
import sys

# What needs a build folder of its own, or changes the tree.
LEFT_OUT = ("scripts/", "export PATH", "clang-format", "lit ")

root, page, folder = sys.argv[1:]
text = open(page).read()
problems, counts = [], {"commands": 0, "outputs": 0, "pieces": 0}


def run(block):
    lines = [line for line in block.split("\n") if not line.startswith(LEFT_OUT)]
    script = "set -e\n" + "\n".join(lines).replace("/tmp/", folder + "/")
    done = subprocess.run(["bash", "-c", script], cwd=root, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    counts["commands"] += sum(bool(line.strip()) for line in lines)
    if done.returncode:
        problems.append("fails with %d:\n%s\n%s" % (done.returncode, script, done.stdout))
    return done.stdout


def find(block, name):
    source = open(root + "/" + name).read()
    place = 0
    for piece in re.split(r"^ *\.\.\.\n", block, flags=re.MULTILINE):
        if not piece.strip():
            continue
        counts["pieces"] += 1
        at = source.find(piece.rstrip("\n"), place)
        if at < 0:
            problems.append("%s has not, or not in this order:\n%s" % (name, piece))
            return
        place = at + len(piece.rstrip("\n"))


output, name = "", ""
for match in re.finditer(r"^(`{3,})(\w+)\n(.*?)^\1$|`([\w/.-]+\.\w+)`|^    (\S[^\n]*)$", text,
                         flags=re.MULTILINE | re.DOTALL):
    _, language, block, mentioned, shown = match.groups()
    if mentioned:
        try:
            open(root + "/" + mentioned).close()
            name = mentioned
        except OSError:
            pass
    elif shown:
        counts["outputs"] += 1
        if shown.replace("/tmp/", folder + "/") not in output:
            problems.append("not printed: %s\nbut:\n%s" % (shown, output))
    elif language == "sh":
        output, name = run(block), ""
    elif name:
        find(block, name)
    elif language != "mlir":
        problems.append("of no file:\n" + block)

for problem in problems:
    print("%s: %s" % (page, problem), file=sys.stderr)
print(", ".join("%d %s" % (count, what) for what, count in counts.items()))
sys.exit(bool(problems))
