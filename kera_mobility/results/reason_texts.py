"""Reasons of denied requests: each is declared once, with its texts and with what follows from it.

Those of any service stand in `services/reasons.py`, those of one service in `reasons.py` of its folder, here or in
another package. A result holds the codes in its tables and all declarations in `run.json`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Any

from kera_mobility.config.registry import parts_of
from kera_mobility.errors import ExtensionError
from kera_mobility.texts import visible

SERVICES = "kera_mobility.services"
LANGUAGES = ("en", "fi", "sv")
Texts = tuple[str, str]
"""A label of a few words, and a sentence to follow a colon."""
Reasons = Mapping[str, Mapping[str, Any]]
"""Declarations by code as `run.json` holds them: `label` and `sentence` by language, `scarcity`, `retry`."""


class Reason(str):
    """Code of a reason as tables of results hold it, with all that is declared of it."""

    label: Mapping[str, str]
    """A few words, by language."""
    sentence: Mapping[str, str]
    """To follow a colon, by language."""
    scarcity: bool
    """The service is scarce there and then, not out of the question: people reckon with it."""
    retry: bool
    """The same service may be asked again at once."""

    def __new__(
        cls, code: str, *, en: Texts, fi: Texts, sv: Texts, scarcity: bool = False, retry: bool = False
    ) -> Reason:
        """Return a declared reason."""
        reason = super().__new__(cls, code)
        texts = dict(zip(LANGUAGES, (en, fi, sv), strict=True))
        reason.label = {language: label for language, (label, _) in texts.items()}
        reason.sentence = {language: sentence for language, (_, sentence) in texts.items()}
        reason.scarcity, reason.retry = scarcity, retry
        return reason

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (str(self),)

    def to_json(self) -> dict[str, Any]:
        """Return the declaration as plain values."""
        return {"label": self.label, "sentence": self.sentence, "scarcity": self.scarcity, "retry": self.retry}


@cache
def declared_reasons() -> Mapping[str, Reason]:
    """Return every declared reason by its code.

    Raises
    ------
    ExtensionError
        If two modules declare one code.
    """
    reasons: dict[str, Reason] = {}
    for module in (import_module(f"{SERVICES}.reasons"), *parts_of(SERVICES, SERVICES, "reasons")):
        for reason in (value for value in vars(module).values() if isinstance(value, Reason)):
            if reasons.setdefault(reason, reason) is not reason:
                raise ExtensionError(f"{module.__name__}: reason '{reason}' is declared already; expected another code")
    return reasons


@cache
def scarcity_reasons() -> frozenset[str]:
    """Return the codes that say that a service is scarce."""
    return frozenset(code for code, reason in declared_reasons().items() if reason.scarcity)


@cache
def retry_reasons() -> frozenset[str]:
    """Return the codes after which the same service may be asked again at once."""
    return frozenset(code for code, reason in declared_reasons().items() if reason.retry)


def reasons_to_json() -> Reasons:
    """Return every declaration for `run.json`."""
    return {str(code): reason.to_json() for code, reason in declared_reasons().items()}


def reasons_of(meta: Mapping[str, Any]) -> Reasons:
    """Return the declarations that a result holds; an older one, without any, has those of this version."""
    reasons: Reasons = meta.get("reasons") or reasons_to_json()
    return reasons


def sentence_of(reason: str, reasons: Reasons) -> str:
    """Return what a reason means, in English; an undeclared one is shown as it is."""
    declaration = reasons.get(reason)
    sentence = str(declaration["sentence"]["en"]) if declaration else reason.replace("_", " ")
    return visible(sentence, keep="") or "no reason was given"
