"""How full the battery of this machine is, where the kernel says so."""

from pathlib import Path

POWER_SUPPLIES = Path("/sys/class/power_supply")


def battery(supplies: Path = POWER_SUPPLIES) -> float | None:
    """0 to 1 of the first battery; None on a machine without one."""
    try:
        for supply in sorted(supplies.iterdir()):
            if (supply / "type").read_text().strip() == "Battery" and (supply / "capacity").exists():
                return min(1.0, max(0.0, int((supply / "capacity").read_text()) / 100))
    except (OSError, ValueError):
        pass
    return None
