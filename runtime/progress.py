"""How long work tells where it is."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called with the stage's name, steps done and steps in all."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Take note of progress."""


def silent(stage: str, done: int, total: int) -> None:
    """Tell nobody."""
