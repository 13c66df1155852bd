"""What all tests share."""

import os
import signal

# tests run side by side: nothing is timed on the way
os.environ.setdefault("SNNC_COSTS", "stored")


def pytest_configure() -> None:
    """Let tests of Ctrl-C work where a shell has started them in the background, deaf to it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
