"""Runs the comparison: every scenario in its turn, none stopped by another's failure."""

import signal
import sys
import time
import traceback

from . import machine
from .plan import parse
from .record import Record
from .scenarios import everything
from .scene import Scene


def main():
    plan = parse(sys.argv[1:])
    for program in (plan.teamgraph, plan.program):
        if not program.exists():
            sys.exit(f"peers: there is no {program}: run it through scripts/bench --peers")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("peers: told to stop"))
    head = machine.describe() | {"settings": plan.settings()}
    record = Record(plan.out, head)
    scene = Scene(plan, record)
    try:
        scene.open()
        start = time.monotonic()
        for name, scenario in everything(plan):
            print(name, flush=True)
            begin = time.monotonic()
            if begin - start > plan.limit_s:
                record.lacks(name, "", "", f"the run had taken {begin - start:.0f} s before it")
                continue
            try:
                scenario(scene)
            except Exception as error:
                traceback.print_exc()
                record.lacks(name, "", "", f"the scenario failed: {error}")
            record.head.setdefault("scenario_s", {})[name] = round(
                time.monotonic() - begin, 1
            )
    finally:
        scene.close()
        record.head["ended"] = machine.now()
        record.write()
    print(f"peers: wrote {plan.out}")


main()
