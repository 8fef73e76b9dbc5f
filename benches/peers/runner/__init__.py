"""The comparison with peers: starts them, asks them, compares answers, writes one JSON."""
