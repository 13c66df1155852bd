"""From a model that takes all T frames at once to the same model of one frame."""

from snnc.converter.sources.frames.layout import FrameLayout

__all__ = ["FrameLayout"]
