"""Why: result folders told in plain sentences, with sums that must agree with their KPIs.

Reads folders, nothing live.
"""

from kera_mobility.results.explain.explanation import Explanation, explain

__all__ = ["Explanation", "explain"]
