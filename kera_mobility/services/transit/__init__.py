"""Trains, trams and buses by a timetable."""
