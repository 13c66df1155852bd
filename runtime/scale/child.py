"""A worker process: `python -m snnc.runtime.scale.child`, told what to do on its stdin.

It takes an order, says that it is ready, then answers each shard with its result. It ends with its
stdin, so that it never outlives the run that started it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import IO

from snnc.ir.errors import SnncError
from snnc.runtime.scale import pythons
from snnc.runtime.scale.frames import receive, send, send_error
from snnc.runtime.scale.order import Order
from snnc.runtime.scale.shards import Shard

READY, RESULT = b"+", b"="


def main() -> None:
    """Serve until stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the run, which ends us
    os.environ.setdefault("SNNC_COSTS", "stored")  # nothing is measured while others work
    answers = pythons.answers()
    try:
        try:
            _serve(sys.stdin.buffer, answers)
        except SnncError as error:
            send_error(answers, error)
    except BrokenPipeError:
        os._exit(1)  # the run has ended


def _serve(orders: IO[bytes], answers: IO[bytes]) -> None:
    order = receive(orders)
    if order is None:
        return
    worker = Order.from_bytes(order).worker()
    send(answers, READY)
    while (shard := receive(orders)) is not None:
        result = worker.run(Shard(*json.loads(shard)))
        send(answers, RESULT + result.to_bytes())


if __name__ == "__main__":
    main()
