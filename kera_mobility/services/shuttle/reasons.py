"""Reasons why a shuttle denies a request."""

from kera_mobility.results.reason_texts import Reason

NO_WHEELCHAIR_PLACE = Reason(
    "no_wheelchair_place",
    en=("no place for a wheelchair", "no place for a wheelchair was free"),
    fi=("ei pyörätuolipaikkaa", "pyörätuolipaikkaa ei ollut vapaana"),
    sv=("ingen rullstolsplats", "ingen rullstolsplats var ledig"),
)
CLOSED_STREET = Reason(
    "closed_street",
    en=("street closed", "a street on the way of the line was closed"),
    fi=("katu suljettu", "linjan reitin katu oli suljettu"),
    sv=("gata stängd", "en gata på linjens väg var stängd"),
)
