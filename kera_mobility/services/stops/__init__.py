"""Vehicles that call at stops: people wait, board, ride and alight."""
