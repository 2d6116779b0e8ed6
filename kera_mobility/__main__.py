"""`python -m kera_mobility` is the `kera` command."""

from kera_mobility.cli import main

main()
