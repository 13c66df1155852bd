"""Loihi's leak."""

import numpy as np


def leaked(u, multiplier, shift):
    """sign(u) * ((|u| * multiplier) >> shift), towards zero.

    The product of a 24-bit state and a 12-bit multiplier needs more than 32 bits.
    """
    kept = (np.abs(u).astype(np.int64) * multiplier) >> shift
    return np.sign(u) * kept


def array(values):
    """A parameter as an array that a Var can hold."""
    return np.atleast_1d(np.asarray(values, dtype=np.int32))
