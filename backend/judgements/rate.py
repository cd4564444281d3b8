"""How much came from each address within the last minute."""

import time
from collections import OrderedDict, deque

ADDRESSES = 10_000
"""Remembered at most; the longest silent are forgotten."""


class Rate:
    """Counts what comes from each address within the last minute; keeps no address longer."""

    def __init__(self) -> None:
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def take(self, address: str, most: int) -> bool:
        """Count one; False where `most` came within a minute already."""
        now = time.monotonic()
        times = self._times.setdefault(address, deque())
        self._times.move_to_end(address)
        while times and times[0] <= now - 60:
            times.popleft()
        while len(self._times) > ADDRESSES:
            self._times.popitem(last=False)
        if len(times) >= most:
            return False
        times.append(now)
        return True
