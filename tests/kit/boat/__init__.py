"""Rowing boats for hire: a toy service with limited capacity, run by an operator, in one folder."""
