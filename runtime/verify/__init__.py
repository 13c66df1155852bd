"""Verification: the promises of a converted model, checked on data."""

from snnc.runtime.verify.report import Verification
from snnc.runtime.verify.verify import verify

__all__ = ["Verification", "verify"]
