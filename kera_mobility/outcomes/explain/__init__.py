"""Why: result folders told in plain sentences, with sums that must agree with their KPIs.

Reads folders, nothing live.
"""

from kera_mobility.outcomes.explain.explanation import Explanation, explain

__all__ = ["Explanation", "explain"]
