"""What timetabled lines are made of: boarding, lateness, crowding, connections."""
