"""A van with its crew, and what comes of one stop."""

from __future__ import annotations

from dataclasses import dataclass, field

from kera_mobility.services.scooter.crew_tasks import CrewTask


@dataclass(eq=False)
class Van:
    """A van and its crew."""

    number: int
    node: int
    shift: int = 0
    step: int = 0
    """Rows of the log in this shift so far."""
    spare: int = 0
    """Charged batteries aboard."""
    planned: list[CrewTask] = field(default_factory=list)
    """Tasks of its tour that are not done; other crews leave them to this one."""
    load: list[CrewTask] = field(default_factory=list)
    """Tasks whose vehicles are aboard."""

    @property
    def aboard(self) -> int:
        """How many vehicles are aboard."""
        return sum(len(task.aboard) for task in self.load)

    def begin(self, shift: int, spare: int) -> None:
        """Begin a shift with so many charged batteries."""
        self.shift, self.step, self.spare = shift, 0, spare


@dataclass
class StopResult:
    """Counts of vehicles handled at one stop."""

    swapped: int = 0
    taken: int = 0
    put: int = 0
    missed: int = 0
    """Planned, but not there as planned."""
    charged: float = 0.0
    """Charge that new batteries brought, 1 for a full one."""
