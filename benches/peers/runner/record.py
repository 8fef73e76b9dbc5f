"""What was measured, what was absent, and why. Written after every step, so that nothing is lost."""

import json
import statistics


class Record:
    def __init__(self, path, head):
        self.path = path
        self.head = head
        self.figures = []
        self.absent = []
        self.peers = {}

    def peer(self, name, **facts):
        """A peer's version and settings."""
        self.peers.setdefault(name, {}).update(facts)
        self.write()

    def figure(self, scenario, graph, peer, measure, unit, samples, **more):
        """Samples of one measure; `more` holds correctness and notes."""
        samples = [value for value in samples if value is not None]
        if not samples:
            return
        figure = {
            "scenario": scenario,
            "graph": graph,
            "peer": peer,
            "measure": measure,
            "unit": unit,
            "median": statistics.median(samples),
            "samples": samples,
        }
        self.figures.append(figure | more)
        shown = f"{figure['median']:,.4g} {unit}"
        print(f"  {graph:12} {scenario:12} {peer:17} {measure:22} {shown} {marks(more)}", flush=True)
        self.write()

    def lacks(self, scenario, graph, peer, reason):
        reason = " ".join(str(reason).split())[:600]
        self.absent.append(
            {"scenario": scenario, "graph": graph, "peer": peer, "reason": reason}
        )
        print(f"  {graph:12} {scenario:12} {peer:17} ABSENT: {reason}", flush=True)
        self.write()

    def ratios(self):
        """Each figure of a peer against the product's of the same name: above 1, ours is better."""
        ours = {
            (it["scenario"], it["graph"], it["measure"]): it["median"]
            for it in self.figures
            if it["peer"] == "teamgraph"
        }
        for it in self.figures:
            own = ours.get((it["scenario"], it["graph"], it["measure"]))
            if it["peer"] == "teamgraph" or not own or not it["median"]:
                continue
            higher_is_better = it["unit"].endswith("/s")
            it["ours_is_better_by"] = (
                own / it["median"] if higher_is_better else it["median"] / own
            )

    def write(self):
        self.ratios()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        whole = self.head | {"peers": self.peers, "figures": self.figures, "absent": self.absent}
        temporary = self.path.with_suffix(".tmp")
        temporary.write_text(json.dumps(whole, indent=1) + "\n")
        temporary.replace(self.path)


def marks(more):
    words = [f"{word} {more[word]}" for word in ("right", "wrong", "failed") if more.get(word)]
    return ", ".join(words)
