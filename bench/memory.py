"""What this process has needed of memory."""


def peak_mb() -> float:
    """Largest resident memory so far in MiB; that of this program, not of what started it."""
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
