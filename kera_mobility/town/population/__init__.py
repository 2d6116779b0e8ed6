"""Who lives, works and studies where, and their tours."""
