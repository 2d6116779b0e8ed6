"""The order of what happens in one moment of a simulated day.

SimPy takes the events of one time by their priority, and those of one priority in the order in which they were made.
The second order would tie what one person does next to who else exists, so whatever it could decide has a priority.
"""

from __future__ import annotations

import simpy
from simpy.events import NORMAL, URGENT, EventPriority

NOTICES = EventPriority(-1)
"""Priority of public notices: before people set out in the same moment, so that they know."""
DEPARTURES_OF_PEOPLE = URGENT
"""Priority of setting out: before anything else of the day."""
DEPARTURES_OF_VEHICLES = EventPriority(NORMAL + 1)
"""Priority of vehicles that leave: after everything else, so that who reaches the stop then still boards."""


def at_moment(env: simpy.Environment, delay_s: float, priority: EventPriority) -> simpy.Event:
    """Return an event that happens after a delay, s, at its place among the events of that moment.

    SimPy's own `Timeout` takes no priority; this makes what it makes, with one.
    """
    moment = simpy.Event(env)
    moment._ok, moment._value = True, None
    env.schedule(moment, priority=priority, delay=delay_s)
    return moment
