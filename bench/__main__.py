"""`python -m bench [NAME…]`: run the benchmarks, all or those named. Each prints ratios measured in one run."""

from __future__ import annotations

import subprocess
import sys

BENCHMARKS = ("reading", "ingest", "outbox", "dns")


def main(names: list[str]) -> int:
    """Run each in a process of its own; the exit code is the number that failed."""
    unknown = set(names) - set(BENCHMARKS)
    if unknown:
        print(f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    failed = 0
    for name in names or BENCHMARKS:
        print(f"== {name}", flush=True)
        failed += subprocess.run([sys.executable, "-m", f"bench.{name}"], check=False).returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
