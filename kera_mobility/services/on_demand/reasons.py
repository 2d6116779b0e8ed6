"""Reasons why a request for a ride on demand is denied: the constraint that bound."""

from kera_mobility.results.reason_texts import Reason

NO_VEHICLE_IN_TIME = Reason(
    "no_vehicle_in_time",
    en=("no vehicle in time", "no vehicle could come within the promised time"),
    fi=("ei ajoneuvoa ajoissa", "mikään ajoneuvo ei ehtinyt luvatussa ajassa"),
    sv=("inget fordon i tid", "inget fordon kunde komma inom utlovad tid"),
    scarcity=True,
)
DETOUR_OF_OTHERS = Reason(
    "detour_of_others",
    en=("too long for others aboard", "the detour would have been too long for the passengers already promised a ride"),
    fi=("liian pitkä muille", "kiertotie olisi ollut liian pitkä niille, joille kyyti oli jo luvattu"),
    sv=("för långt för andra", "omvägen hade blivit för lång för dem som redan lovats en resa"),
    scarcity=True,
)
OWN_DETOUR = Reason(
    "own_detour",
    en=("could not arrive in time", "the ride could not have been there by the latest arrival that is promised"),
    fi=("ei ehtisi perille", "kyyti ei olisi ehtinyt perille viimeistään luvattuna aikana"),
    sv=("hinner inte fram", "resan hade inte hunnit fram till den senast utlovade tiden"),
    scarcity=True,
)
END_OF_SHIFT = Reason(
    "end_of_shift",
    en=("end of the shift", "no vehicle could have been back before the end of its shift"),
    fi=("vuoron loppu", "ajoneuvo ei olisi ehtinyt takaisin ennen vuoronsa loppua"),
    sv=("passets slut", "inget fordon hade hunnit tillbaka före passets slut"),
)
