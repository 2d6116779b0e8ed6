"""A shuttle on a loop of stops."""
