"""What a change of memberships means to those who keep the closure flattened."""


def pairs_of_edge(graph, member, team):
    """The participations that come with this edge, if it is not there yet; and go with it."""
    high = graph.above(team) | {team}
    low = {member}
    if graph.is_team(member):
        teams = graph.below(member)
        low = teams | {it for team_ in teams for it in graph.down[team_]}
    return [(one, top) for one in low for top in high - graph.above(one) if one != top]


class Participations:
    """Every participation while memberships come and go: a search from each member that a
    transaction may touch, before and after."""

    def __init__(self, members):
        self.up = [set() for _ in range(members + 1)]
        self.down = [set() for _ in range(members + 1)]

    def reach(self, links, start):
        seen, open_ = {start}, [start]
        while open_:
            for other in links[open_.pop()]:
                if other not in seen:
                    seen.add(other)
                    open_.append(other)
        return seen

    def transaction(self, add, remove):
        """Participations that come and go."""
        touched = set()
        for member, _ in add + remove:
            touched |= self.reach(self.down, member)
        before = {member: self.reach(self.up, member) for member in touched}
        for member, team in remove:
            self.up[member].discard(team)
            self.down[team].discard(member)
        for member, team in add:
            self.up[member].add(team)
            self.down[team].add(member)
        come, go = [], []
        for member in touched:
            after = self.reach(self.up, member)
            come += [(member, team) for team in after - before[member]]
            go += [(member, team) for team in before[member] - after]
        return come, go
