"""Verification: the promises of a converted model, checked on data."""

from snnc.runtime.verify.facade import verify
from snnc.runtime.verify.report import Verification

__all__ = ["Verification", "verify"]
