"""What /metrics tells Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_BATCH = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """Counters of one app; a registry of its own lets several apps live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "biocosmos_requests",
            "Requests answered",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "biocosmos_request_seconds",
            "Time from request to the end of the response",
            ("route",),
            buckets=_SECONDS,
            registry=self.registry,
        )

        self._batches = Histogram(
            "biocosmos_encoder_batch_size",
            "Queries encoded together",
            ("kind",),
            buckets=_BATCH,
            registry=self.registry,
        )

    def encoded(self, kind: str, size: int) -> None:
        """Count one batch of `size` texts or images; safe in any thread."""
        self._batches.labels(kind).observe(size)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """All values in the Prometheus text format."""
        return generate_latest(self.registry)
