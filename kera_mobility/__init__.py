"""Kera Mobility: a simulator for trials of mobility services."""
