"""Questions with their answers, as files that the driver reads."""

import random


def checks(graph, file, count, seed=17):
    """Four kinds in equal parts: direct, indirect, near miss, random; members by their rows."""
    draw = random.Random(seed)
    rows = [edge for edge in graph.edges if not graph.is_team(edge[0])] or graph.edges
    questions, vain = [], 0
    while len(questions) < count and vain < 100_000:
        question = of_kind(graph, draw, len(questions) % 4, *draw.choice(rows))
        vain += question is None
        if question:
            questions.append(question)
    if not questions:
        raise RuntimeError("no question was found")
    return write_checks(graph, file, questions)


def of_kind(graph, draw, kind, member, team):
    above = graph.above(member)
    if kind == 0:
        return member, team
    if kind == 1:
        indirect = sorted(above - set(graph.up[member]))
        return (member, draw.choice(indirect)) if indirect else (member, team)
    if kind == 2:
        near = draw.choice(sorted(above))
        parents = graph.up[near]
        siblings = graph.down[draw.choice(parents)] if parents else []
        siblings = [it for it in siblings if graph.is_team(it) and it not in above]
        siblings = [it for it in siblings if it != member]
        return (member, draw.choice(siblings)) if siblings else None
    other = draw.randint(1, graph.teams)
    return (member, other) if other != member else None


def write_checks(graph, file, questions):
    with open(file, "w") as out:
        out.write("member,team,yes\n")
        for member, team in questions:
            out.write(f"{member},{team},{int(team in graph.above(member))}\n")
    return file


def teams_of(graph, file, count, seed=18, members=None):
    draw = random.Random(seed)
    rows = [edge for edge in graph.edges if not graph.is_team(edge[0])] or graph.edges
    members = members or [draw.choice(rows)[0] for _ in range(count)]
    return write_lists(file, ((member, graph.above(member)) for member in members))


def people_of(graph, file, count, most=10_000, seed=19):
    """People of teams drawn at random, but of none with more than so many."""
    draw, lists = random.Random(seed), []
    for _ in range(count * 5):
        team = draw.randint(1, graph.teams)
        people = graph.people_of(team)
        if 0 < len(people) <= most:
            lists.append((team, people))
        if len(lists) >= count:
            break
    return write_lists(file, lists)


def people_of_one(graph, file, team):
    return write_lists(file, [(team, graph.people_of(team))])


def write_lists(file, lists):
    with open(file, "w") as out:
        out.write("key,count,sum\n")
        out.writelines(f"{key},{len(found)},{sum(found)}\n" for key, found in lists)
    return file
