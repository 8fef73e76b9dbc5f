"""What is measured, a module for each idea."""

import functools


def everything(plan):
    """The scenarios in their order, by name; only those wanted."""
    from . import cyclic, deep, in_process, kubernetes, replay, whole

    scenarios = []
    for size in plan.sizes:
        scenarios.append((f"in-process-{size}", functools.partial(in_process.run, size=size)))
        run = lambda scene, size=size: whole.run(scene, scene.size(size))
        scenarios.append((f"asking-{size}", run))
    scenarios += [
        ("kubernetes", kubernetes.run),
        ("replay", replay.run),
        ("cyclic", cyclic.run),
        ("deep", deep.run),
    ]
    wanted = plan.scenarios
    return [it for it in scenarios if not wanted or any(it[0].startswith(word) for word in wanted)]
