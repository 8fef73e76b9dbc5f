"""One graph in all peers: loaded, asked, changed. Loaded once for both."""

from . import asking, changing


def run(scene, graph, kinds=None):
    made = asking.files(scene, graph)
    with scene.running("asking", graph, kinds) as peers:
        for peer in peers:
            asking.loading(scene, graph, peer)
        for kind, file in made.items():
            asking.ask(scene, graph, peers, kind, file)
        changing.run(scene, graph, peers)
