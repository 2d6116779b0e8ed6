"""The street graph, shortest paths and overlays."""
