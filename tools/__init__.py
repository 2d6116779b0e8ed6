"""Tools of the checkout that made the data of Kera; nothing in the package needs them."""
