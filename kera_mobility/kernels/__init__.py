"""Arithmetic that gives the same bits on any machine."""
