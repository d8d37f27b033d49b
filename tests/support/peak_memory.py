"""How much memory a process ever had, for programs that a test starts."""

from typing import Final

__all__ = ["PEAK"]

# Where it is known, Linux's own figure: ``ru_maxrss`` begins with what the parent had
# when it started the process, and so would hide all that is less.
PEAK: Final = """
def peak():
    import resource
    try:
        with open("/proc/self/status", encoding="ascii") as status:
            [line] = [one for one in status if one.startswith("VmHWM:")]
        return int(line.split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
"""
"""A program's function that returns the most kilobytes that it ever had."""
