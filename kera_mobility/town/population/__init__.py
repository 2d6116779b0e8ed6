"""The synthetic population and its tours: persons, households, land use, visitors."""
