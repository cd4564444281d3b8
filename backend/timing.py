"""How long the stages of one request took."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Timing:
    """Milliseconds by stage, since the request arrived; stages entered twice add up."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._stages: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time spent inside to stage `name`."""
        start = time.perf_counter()
        try:
            yield
        finally:
            spent = (time.perf_counter() - start) * 1000
            self._stages[name] = self._stages.get(name, 0.0) + spent

    def ms(self, name: str) -> float:
        """Milliseconds spent in stage `name`, 0 when it was never entered."""
        return round(self._stages.get(name, 0.0), 2)

    def total_ms(self) -> float:
        """Milliseconds since the request arrived."""
        return round((time.perf_counter() - self._start) * 1000, 2)

    def header(self) -> str:
        """Value of a Server-Timing header (W3C Server Timing)."""
        stages = {**self._stages, "total": self.total_ms()}
        return ", ".join(f"{name};dur={spent:.1f}" for name, spent in stages.items())
