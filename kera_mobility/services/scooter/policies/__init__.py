"""Where vehicles stand overnight, what crews move, which routes they drive."""
