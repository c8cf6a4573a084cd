"""libmpathpersist beside prhelper: `python -m tools.multipath SUITE...` measures, and writes the tables of docs."""
