"""What is measured, a module for each idea."""


def everything(plan):
    """The scenarios in their order, by name; only those wanted."""
    from . import asking

    scenarios = []
    for size in plan.sizes:
        scenarios.append((f"asking-{size}", lambda scene, size=size: asking.run(scene, scene.size(size))))
    wanted = plan.scenarios
    return [it for it in scenarios if not wanted or any(it[0].startswith(word) for word in wanted)]
