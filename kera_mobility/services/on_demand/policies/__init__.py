"""Which vehicle serves whom; where idle vehicles wait."""
