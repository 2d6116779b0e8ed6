"""Why nobody can row."""

from kera_mobility.plugins import Reason

NO_BOAT = Reason(
    "no_boat",
    en=("no boat left", "all boats were taken"),
    fi=("ei venettä", "kaikki veneet olivat käytössä"),
    sv=("ingen båt kvar", "alla båtar var upptagna"),
    scarcity=True,
)
