"""Infer the streets of an area from partial data: `python -m tools.infer_streets AREA --raw DIR`."""
