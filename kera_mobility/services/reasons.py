"""Reasons why any service may deny a request."""

from kera_mobility.results.reason_texts import Reason

CLOSED = Reason(
    "closed",
    en=("closed", "the line or the street was closed"),
    fi=("suljettu", "linja tai katu oli suljettu"),
    sv=("stängt", "linjen eller gatan var stängd"),
    retry=True,
)
OUT_OF_REACH = Reason(
    "out_of_reach",
    en=("out of reach", "the service does not go there, or its stops are too far to walk"),
    fi=("liian kaukana", "palvelu ei kulje sinne, tai pysäkit ovat liian kaukana"),
    sv=("utom räckhåll", "tjänsten går inte dit, eller hållplatserna ligger för långt bort"),
)
OUTSIDE_AREA = Reason(
    "outside_area",
    en=("outside the area", "the trip begins or ends outside the operating area"),
    fi=("alueen ulkopuolella", "matka alkaa tai päättyy toiminta-alueen ulkopuolella"),
    sv=("utanför området", "resan börjar eller slutar utanför området"),
)
NO_VEHICLE = Reason(
    "no_vehicle",
    en=("no vehicle near", "no free vehicle within walking distance"),
    fi=("ei ajoneuvoa lähellä", "vapaata ajoneuvoa ei ollut kävelymatkan päässä"),
    sv=("inget fordon nära", "inget ledigt fordon inom gångavstånd"),
    scarcity=True,
)
LOW_BATTERY = Reason(
    "low_battery",
    en=("battery too low", "the vehicles within reach had too little charge for the ride"),
    fi=("akku liian vähissä", "lähellä olevien ajoneuvojen varaus ei riittänyt matkaan"),
    sv=("för lågt batteri", "fordonen inom räckhåll hade för lite laddning för resan"),
    scarcity=True,
)
FULL = Reason(
    "full",
    en=("full", "no place was free on the vehicles that the person would have waited for"),
    fi=("täynnä", "ajoneuvoissa, joita olisi odotettu, ei ollut vapaata paikkaa"),
    sv=("fullt", "ingen plats var ledig i de fordon som personen hade väntat på"),
    scarcity=True,
)
OUTSIDE_HOURS = Reason(
    "outside_hours",
    en=("does not run then", "the service does not run at that hour"),
    fi=("ei toimi silloin", "palvelu ei toimi siihen aikaan"),
    sv=("går inte då", "tjänsten är inte i gång vid den tiden"),
)
NO_DEPARTURE = Reason(
    "no_departure",
    en=("no departure any more", "no departure at that time of the day any more"),
    fi=("ei enää lähtöjä", "siihen aikaan ei enää ollut lähtöä"),
    sv=("ingen avgång längre", "ingen avgång vid den tiden längre"),
)
CANCELLED = Reason(
    "cancelled",
    en=("cancelled", "the departure was cancelled"),
    fi=("peruttu", "lähtö oli peruttu"),
    sv=("inställd", "avgången var inställd"),
)
GONE = Reason(
    "gone",
    en=("had left already", "the vehicle had left before the person was there"),
    fi=("oli jo lähtenyt", "ajoneuvo oli lähtenyt ennen kuin kulkija ehti"),
    sv=("hade redan gått", "fordonet hade gått innan personen var där"),
)
EXPIRED = Reason(
    "expired",
    en=("promise ran out", "the promise ran out before the person was there, or before the vehicle came"),
    fi=("lupaus raukesi", "lupaus raukesi ennen kuin kulkija tai ajoneuvo oli paikalla"),
    sv=("löftet gick ut", "löftet gick ut innan personen eller fordonet var på plats"),
)
BROKEN = Reason(
    "broken",
    en=("out of order", "the vehicle was out of order"),
    fi=("rikki", "ajoneuvo oli rikki"),
    sv=("trasig", "fordonet var trasigt"),
    retry=True,
)
OFFLINE = Reason(
    "offline",
    en=("bookings down", "the operator's booking system was down"),
    fi=("varaukset poissa", "liikennöitsijän varausjärjestelmä ei toiminut"),
    sv=("bokningen nere", "operatörens bokningssystem låg nere"),
)
SNOW = Reason(
    "snow",
    en=("does not run in snow", "the service does not run in heavy snow"),
    fi=("ei kulje lumessa", "palvelu ei toimi runsaassa lumisateessa"),
    sv=("går inte i snö", "tjänsten går inte i kraftigt snöfall"),
)
NO_JOURNEY = Reason(
    "no_journey",
    en=("no way to travel", "no way to get there was left"),
    fi=("ei mitään kulkutapaa", "mitään tapaa päästä perille ei jäänyt"),
    sv=("inget sätt att resa", "inget sätt att komma fram fanns kvar"),
)
