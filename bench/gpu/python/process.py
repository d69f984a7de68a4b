"""Commands with a time limit, and programs that are measured in turns."""

import json
import os
import select
import signal
import subprocess
import tempfile
import time


class Failure(Exception):
    """A command that did not do what it should; says which and why. `code` is
    its exit code, None when it was stopped."""

    def __init__(self, message, code=None):
        super().__init__(message)
        self.code = code


def last_lines(text, count=6):
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return " / ".join(lines[-count:])


def _kill(process):
    # The whole group: compilers that a program has started, too.
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def run(command, timeout, env=None):
    """Standard output and seconds; raises Failure on any exit code but 0."""
    begin = time.monotonic()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        errors="replace", stdin=subprocess.DEVNULL, start_new_session=True,
        env={**os.environ, **(env or {})})
    what = " ".join(os.path.basename(word) for word in command[:3])
    try:
        out, err = process.communicate(timeout=max(timeout, 0.1))
    except subprocess.TimeoutExpired:
        _kill(process)
        raise Failure(f"{what}: no end after {timeout:.0f} s") from None
    if process.returncode != 0:
        raise Failure(f"{what}: exit code {process.returncode}: "
                      f"{last_lines(err or out) or 'no message'}",
                      process.returncode)
    return out, time.monotonic() - begin


class Turns:
    """A program that prints a line of JSON when it is ready, and another one
    for every line that it reads: `lns bench --turns`, `torch_llama.py`."""

    def __init__(self, name, command, timeout, env=None):
        self.name = name
        self.errors = tempfile.TemporaryFile("w+")
        self.pending = b""
        begin = time.monotonic()
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=self.errors, start_new_session=True,
            env={**os.environ, **(env or {})})
        try:
            self.ready = self._read(timeout)
        except BaseException:
            self.close()
            raise
        self.start_seconds = time.monotonic() - begin

    def turn(self, timeout):
        try:
            self.process.stdin.write(b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # _read says what it died of
        return self._read(timeout)

    def _read(self, timeout):
        end = time.monotonic() + timeout
        while True:
            while b"\n" not in self.pending:
                left = end - time.monotonic()
                if left <= 0:
                    raise Failure(f"{self.name}: no answer after "
                                  f"{timeout:.0f} s")
                if not select.select([self.process.stdout], [], [], left)[0]:
                    continue
                data = os.read(self.process.stdout.fileno(), 65536)
                if not data:
                    self.process.wait()
                    self.errors.seek(0)
                    raise Failure(
                        f"{self.name}: ended with exit code "
                        f"{self.process.returncode}: "
                        f"{last_lines(self.errors.read()) or 'no message'}")
                self.pending += data
            line, self.pending = self.pending.split(b"\n", 1)
            # Libraries print what they like; ours are the lines of JSON.
            if line.startswith(b"{"):
                try:
                    return json.loads(line)
                except ValueError:
                    raise Failure(f"{self.name}: not JSON: {line[:80]!r}") \
                        from None

    def close(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                _kill(self.process)
        self.process.stdout.close()
        self.errors.close()
