"""The code `rate` on engines that run `graded`: spikes in, ticks as frames, counts out."""

from snnc.backends.rate.session import RateSession, codes_of, open_session

__all__ = ["RateSession", "codes_of", "open_session"]
