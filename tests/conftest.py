"""What all tests share."""

import os
import signal

from tests.exporter import keep_operators

# tests run side by side: nothing is timed on the way
os.environ.setdefault("SNNC_COSTS", "stored")


def pytest_configure() -> None:
    """Let tests of Ctrl-C work where a shell has started them in the background, deaf to it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_runtest_setup() -> None:
    """Whatever test is the first to export a network loads the exporter."""
    keep_operators()
