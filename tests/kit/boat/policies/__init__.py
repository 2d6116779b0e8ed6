"""What is done with a boat after a ride."""
