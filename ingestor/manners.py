"""How we behave towards other hosts, and which of them need more care than the rest."""

from dataclasses import dataclass

MARGIN = 1.035
"""Requests are this much further apart than the pace asks for, so that what varies on the way
there never makes one too many in a second."""


@dataclass(frozen=True)
class Manners:
    """Seconds, unless they say otherwise."""

    base: float = 1.0
    """Back-off doubles from here; each wait is drawn evenly from 0 to it (full jitter)."""
    longest: float = 900.0
    """The longest back-off."""
    breaker_after: int = 5
    """Failures in a row after which a host is left alone; one refusal is enough."""
    probe_first: float = 60.0
    """From then to the first probe; doubles with every probe that fails."""
    probe_longest: float = 3600.0
    probes: int = 24
    """Probes that may fail in a row; then the host's images are given up until a sync."""
    connect: float = 15.0
    read: float = 30.0
    """Between two pieces of an answer."""
    total: float = 120.0
    """For one whole answer."""
    placeholder: float = 600.0
    """Before an image is asked for again that the host is still making."""
    worth_waiting: float = 90.0
    """A run waits so long for a host or a retry; what comes later is the next run's."""

    def back_off(self, failures: int) -> float:
        """Return the most to wait after so many failures in a row."""
        return min(self.longest, self.base * 2.0 ** min(failures - 1, 60))

    def probe_after(self, failures: int) -> float:
        """Return how long a breaker stays open after so many failures in a row."""
        return min(
            self.probe_longest, self.probe_first * 2.0 ** min(failures - self.breaker_after, 60)
        )


@dataclass(frozen=True)
class Limit:
    """The most that we ask of one host."""

    requests_per_second: float = 1.0
    connections: int = 2


_FRAGILE = Limit(0.5, 1)

LIMITS = {
    # GBIF asks scripts to use one connection to its image cache.
    "api.gbif.org": Limit(1.0, 1),
    "api.idigbio.org": Limit(1.0, 2),
    "s.idigbio.org": Limit(1.0, 2),
    # iNaturalist allows 5 GB an hour and 24 GB a day.
    "inaturalist-open-data.s3.amazonaws.com": Limit(1.0, 1),
    "static.inaturalist.org": Limit(1.0, 1),
    "api.inaturalist.org": Limit(1.0, 1),
    # One connection, as iDigBio's own fetcher allows itself.
    "tropicos.org": _FRAGILE,
    "arctos.database.museum": _FRAGILE,
    # Hosts that those who fetch at large scale found to break easily.
    "observation.org": _FRAGILE,
    "quod.lib.umich.edu": _FRAGILE,
    "data.huh.harvard.edu": _FRAGILE,
    "web.corral.tacc.utexas.edu": _FRAGILE,
    "ph.ansp.org": _FRAGILE,
    "mcgillherbarium.com": _FRAGILE,
    "media.api.aucklandmuseum.com": _FRAGILE,
    "www.ucm.es": _FRAGILE,
    "specify-att.isa.ulisboa.pt": _FRAGILE,
    "mam.business-services.upenn.edu": _FRAGILE,
    "mam.ansp.org": _FRAGILE,
    "www.zobodat.at": _FRAGILE,
    "www.jacq.org": _FRAGILE,
}
"""Limits of hosts, and of all that end in their names; `--rate` never goes beyond them."""


def limit_of(host: str, rate: float) -> Limit:
    """Return the limit of a host (with or without a port) where `rate` is asked for."""
    name = host.rpartition("@")[2].split(":")[0]
    labels = name.split(".")
    for start in range(len(labels) - 1):
        known = LIMITS.get(".".join(labels[start:]))
        if known:
            return Limit(min(rate, known.requests_per_second), known.connections)
    return Limit(rate)
