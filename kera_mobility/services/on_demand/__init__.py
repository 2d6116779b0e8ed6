"""Rides on demand."""
