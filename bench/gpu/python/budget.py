"""What is done in the time there is: the most important parts first.

A part says what it needs; when less is left, it is dropped and named in the
report. Parts that are cheaper may still fit after that.
"""

import time


class Budget:
    RESERVE = 8  # seconds for the report

    def __init__(self, seconds):
        self.begin = time.monotonic()
        self.seconds = seconds
        self.dropped = []  # {"part", "why"}
        self.spent = []  # {"part", "seconds"}

    def elapsed(self):
        return time.monotonic() - self.begin

    def left(self):
        return self.seconds - self.RESERVE - self.elapsed()

    def limit(self, seconds):
        """A command's time limit: its own, or what is left."""
        return max(min(seconds, self.left()), 0.1)

    def drop(self, part, why):
        self.dropped.append({"part": part, "why": why})

    def run(self, part, needs, function):
        if self.left() < needs:
            self.drop(part, f"needs about {needs:.0f} s, "
                            f"{max(self.left(), 0):.0f} s are left")
            return None
        begin = time.monotonic()
        try:
            return function()
        finally:
            self.spent.append({"part": part,
                               "seconds": time.monotonic() - begin})
