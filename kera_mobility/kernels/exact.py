"""Logarithm, exponential and sine from basic arithmetic alone: the same bits on every machine, scalar or array.

Library functions differ in the last bit between processors (SIMD variants); IEEE 754 addition,
multiplication and division do not. Errors stay below 4e-16 relative to 1 (tested against numpy).
"""

from __future__ import annotations

import math
from typing import TypeVar, overload

import numpy as np

from kera_mobility.units import FloatArray

F = TypeVar("F", float, FloatArray)

_LN2 = 0.6931471805599453
_ROOT_HALF = 0.7071067811865476
_LOG_TERMS = tuple(1.0 / (2 * k + 1) for k in range(11, -1, -1))
_EXP_TERMS = tuple(1.0 / math.factorial(k) for k in range(14, -1, -1))
_SIN_TERMS = tuple((-1.0) ** k / math.factorial(2 * k + 1) for k in range(11, -1, -1))


@overload
def log(x: float) -> float: ...
@overload
def log(x: FloatArray) -> FloatArray: ...
def log(x: float | FloatArray) -> float | FloatArray:
    """Return the natural logarithm of positive, finite numbers."""
    if isinstance(x, np.ndarray):
        mantissa, exponent = np.frexp(x)
        small = mantissa < _ROOT_HALF
        mantissa = np.where(small, mantissa * 2.0, mantissa)
        powers: FloatArray = (exponent - small).astype(np.float64)
        return _log_near_one(mantissa) + powers * _LN2
    scalar, power = math.frexp(x)
    if scalar < _ROOT_HALF:
        scalar, power = scalar * 2.0, power - 1
    return _log_near_one(scalar) + float(power) * _LN2


@overload
def exp(x: float) -> float: ...
@overload
def exp(x: FloatArray) -> FloatArray: ...
def exp(x: float | FloatArray) -> float | FloatArray:
    """Return e to the power of numbers between -700 and 700."""
    if isinstance(x, np.ndarray):
        powers = np.floor(x / _LN2 + 0.5)
        return np.ldexp(_polynomial(_EXP_TERMS, x - powers * _LN2), powers.astype(np.int64))
    power = math.floor(x / _LN2 + 0.5)
    return math.ldexp(_polynomial(_EXP_TERMS, x - float(power) * _LN2), power)


@overload
def sin_pi(x: float) -> float: ...
@overload
def sin_pi(x: FloatArray) -> FloatArray: ...
def sin_pi(x: float | FloatArray) -> float | FloatArray:
    """Return sin(pi x) for x in [0, 1]."""
    if isinstance(x, np.ndarray):
        return _sine(np.minimum(x, 1.0 - x) * math.pi)
    return _sine(min(x, 1.0 - x) * math.pi)


def _log_near_one(m: F) -> F:
    s = (m - 1.0) / (m + 1.0)
    return 2.0 * s * _polynomial(_LOG_TERMS, s * s)


def _sine(angle: F) -> F:
    return angle * _polynomial(_SIN_TERMS, angle * angle)


def _polynomial(terms: tuple[float, ...], x: F) -> F:
    value = x * 0.0 + terms[0]
    for term in terms[1:]:
        value = value * x + term
    return value
