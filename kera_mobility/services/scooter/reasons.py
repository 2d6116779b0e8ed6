"""Reasons why a request for a shared vehicle is denied, or a rental not begun."""

from kera_mobility.results.reason_texts import Reason

LOST_RACE = Reason(
    "lost_race",
    en=("taken by somebody else", "somebody else took the vehicle while the person walked to it"),
    fi=("joku muu ehti ensin", "joku muu otti ajoneuvon kävelyn aikana"),
    sv=("någon annan hann före", "någon annan tog fordonet medan personen gick dit"),
    retry=True,
)
TOO_SHORT = Reason(
    "too_short",
    en=("ride too short", "the ride would be shorter than anybody unlocks a vehicle for"),
    fi=("liian lyhyt matka", "kyyti olisi lyhyempi kuin kukaan viitsii ottaa ajoneuvoa"),
    sv=("för kort resa", "resan vore kortare än någon låser upp ett fordon för"),
)
NO_PARKING = Reason(
    "no_parking",
    en=("no parking place", "no room to park near the destination"),
    fi=("ei pysäköintipaikkaa", "määränpään lähellä ei ollut pysäköintitilaa"),
    sv=("ingen parkeringsplats", "inget rum att parkera nära målet"),
    scarcity=True,
)
WITHDRAWN = Reason(
    "withdrawn",
    en=("vehicles taken off", "the vehicles had been taken off the streets"),
    fi=("ajoneuvot poissa", "ajoneuvot oli otettu pois kadulta"),
    sv=("fordon borttagna", "fordonen hade tagits bort från gatan"),
)
