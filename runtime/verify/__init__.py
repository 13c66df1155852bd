"""Verification: the promises of a converted model, checked on data."""

from snnc.runtime.verify.report import Verification
from snnc.runtime.verify.facade import verify

__all__ = ["Verification", "verify"]
