"""What a fixed loop is made of: its day, laps, seats, batteries and walks."""
