"""Ctrl-C while kernels compile.

The compiler is in no state to be left in the middle: what it was about to make stays half made for
the rest of the process, and where LLVM calls back into Python an exception is printed and lost. So
Ctrl-C is only noted while it works, and comes to its handler between two kernels.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any


class _Watch:
    """Ctrl-C as one block sees it.

    Args:
        before: the handler that it is meant for, Python's own or the program's.
    """

    def __init__(self, before: Callable[[int, FrameType | None], Any]) -> None:
        self.before = before
        self.noted: tuple[int, FrameType | None] | None = None
        self.handler = self._note  # one object: a bound method is made anew by each look at it

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.noted is None:
            self.noted = number, frame
        else:  # a second time: at once, whatever it costs
            self.before(number, frame)

    def deliver(self) -> None:
        """Hand what came to its handler, which may raise."""
        noted, self.noted = self.noted, None
        if noted is not None:
            self.before(*noted)


_watches: list[_Watch] = []
"""Of the blocks that the main thread is in, the innermost last."""


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Hold Ctrl-C back until the block ends, whoever swallows what in it.

    Of blocks within others the one that ends first: between two kernels.

    Raises:
        KeyboardInterrupt: or whatever the handler raises that was set before; if nothing, the
            block's own outcome holds.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield  # no handler of Python's runs here
        return
    if _watches and before is _watches[-1].handler:
        yield
        _watches[-1].deliver()
        return
    watch, hook = _Watch(before), sys.unraisablehook

    def quiet(unraisable: Any) -> None:
        # the second Ctrl-C, where LLVM calls back; the first is still to come
        if not issubclass(unraisable.exc_type, KeyboardInterrupt):
            hook(unraisable)

    try:
        _watches.append(watch)
        sys.unraisablehook = quiet
        signal.signal(signal.SIGINT, watch.handler)
        yield
    finally:
        # another handler than ours is one that the block has set to stay
        if signal.getsignal(signal.SIGINT) is watch.handler:
            signal.signal(signal.SIGINT, before)
        if sys.unraisablehook is quiet:
            sys.unraisablehook = hook
        if watch in _watches:
            _watches.remove(watch)
        watch.deliver()
