"""Run the benchmarks: one JSON line each.

``python3 -m tools.releve bench [--only a,b] [--size small|full]`` makes a database for
each benchmark and starts this file inside an Odoo environment (``env``, ``arguments``:
name and size). A benchmark is a module ``bench/<name>.py`` with

    def measure(env, size):
        ...
        return Result(figure=..., unit="...", floor=..., ratio=..., cpu_ratio=...,
                      goal=..., minimum=..., higher_is_better=True)

It measures the product and its floor in the same run and asserts nothing. Modules of
this folder import each other by name (``from run import Result, watch``).
"""

import importlib.util
import json
import resource
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles

CLOCK_TICKS = 100  # USER_HZ of Linux


@dataclass
class Part:
    """A further figure of a benchmark with a bar of its own."""

    value: float
    goal: float
    minimum: float
    higher_is_better: bool = True

    @property
    def meets(self):
        if self.higher_is_better:
            return self.value >= self.minimum
        return self.value <= self.minimum


@dataclass
class Result:
    """What a benchmark found.

    figure: the product's figure in ``unit``
    floor: the same work without the product, measured in the same run, same unit
    ratio: figure to floor, by wall clock
    cpu_ratio: the same by processor time (Odoo and PostgreSQL), None if it has none
    goal, minimum: the ratio (or the figure, where there is no floor) to reach
    higher_is_better: False when goal and minimum are ceilings
    judges_figure: True when goal and minimum are of the figure; the ratios inform
    parts: further figures with bars of their own, by name; ``meets`` is about all
    extra: further facts for the reader
    """

    figure: float
    unit: str
    goal: float
    minimum: float
    floor: float | None = None
    ratio: float | None = None
    cpu_ratio: float | None = None
    higher_is_better: bool = True
    judges_figure: bool = False
    parts: dict[str, Part] = field(default_factory=dict)
    extra: dict = field(default_factory=dict)

    def judged(self):
        """The number that ``minimum`` is compared with."""
        if self.judges_figure:
            return self.figure
        for value in (self.cpu_ratio, self.ratio):
            if value is not None:
                return value
        return self.figure

    def line(self, bench, size):
        value = self.judged()
        good = value >= self.minimum if self.higher_is_better else value <= self.minimum
        facts = {
            "bench": bench,
            "size": size,
            "figure": self.figure,
            "unit": self.unit,
            "floor": self.floor,
            "ratio": self.ratio,
            "cpu_ratio": self.cpu_ratio,
            "goal": self.goal,
            "minimum": self.minimum,
            "meets": good and all(part.meets for part in self.parts.values()),
            "parts": {
                name: {
                    "value": round(part.value, 4),
                    "goal": part.goal,
                    "minimum": part.minimum,
                    "meets": part.meets,
                }
                for name, part in self.parts.items()
            },
            **self.extra,
        }
        return json.dumps(
            {
                name: round(value, 4) if isinstance(value, float) else value
                for name, value in facts.items()
            }
        )


@dataclass
class Watch:
    """Seconds spent: by the clock, and by the processor in Python and PostgreSQL."""

    wall: float = 0.0
    cpu: float = 0.0


def peak():
    """Highest memory of this process so far, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def p95(values):
    """95th percentile of at least two values."""
    return quantiles(values, n=20)[-1]


def backend_seconds(pids):
    """Processor seconds that the given server processes have used so far."""
    total = 0
    for pid in pids:
        parts = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(parts[11]) + int(parts[12])
    return total / CLOCK_TICKS


@contextmanager
def watch(*cursors):
    """Measure a block; give it every cursor that works in it and lives through it."""
    pids = []
    for cursor in cursors:
        cursor.execute("select pg_backend_pid()")
        pids.append(cursor.fetchone()[0])
    spent = Watch()
    wall = time.perf_counter()
    cpu = time.process_time() + backend_seconds(pids)
    yield spent
    spent.wall = time.perf_counter() - wall
    spent.cpu = time.process_time() + backend_seconds(pids) - cpu


def load(name):
    """The benchmark module of that name."""
    path = Path(__file__).with_name(f"{name}.py")
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    spec = importlib.util.spec_from_file_location(f"bench_{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if "env" in globals():
    name, size = globals()["arguments"]
    print(load(name).measure(globals()["env"], size).line(name, size), flush=True)
