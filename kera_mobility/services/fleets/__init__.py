"""What shared fleets are made of: vehicles and their states, parking, prices, the permit, crews."""
