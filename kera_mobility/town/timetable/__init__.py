"""Timetables, from GTFS or lines in YAML, and the search for connections."""
