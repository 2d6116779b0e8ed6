"""Shared vehicles: scooters, city bikes."""
