"""The nearest vehicle, against a loop."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kera_mobility.services.on_demand.policies.dispatch import nearest


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=12))
def test_the_nearest_is_the_first_of_those_that_are_there_first(fleet: list[tuple[int, bool]]) -> None:
    slow, best_s = -1, np.inf
    for vehicle, (reaches_s, able) in enumerate(fleet):
        if able and reaches_s < best_s:
            slow, best_s = vehicle, float(reaches_s)
    reaches = np.array([float(reaches_s) for reaches_s, _ in fleet])
    assert nearest(reaches, np.array([able for _, able in fleet], dtype=np.bool_)) == slow
