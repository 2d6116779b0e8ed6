"""Constants fitted to surveys and counts, and everything else held against data that nothing was fitted to.

found = calibrate(load_scenario("configs/today.yaml"), read_settings("configs/calibration.yaml", CalibrationSettings))
for check in evidence(found):
    print(check.title, check.model, check.data, check.standing)
"""

from __future__ import annotations

from kera_mobility.config.messages import read_settings
from kera_mobility.experiments.calibration.evidence import evidence
from kera_mobility.experiments.calibration.fit import Calibration, calibrate, layer
from kera_mobility.experiments.calibration.targets import CalibrationSettings

__all__ = ["Calibration", "CalibrationSettings", "calibrate", "evidence", "layer", "read_settings"]
