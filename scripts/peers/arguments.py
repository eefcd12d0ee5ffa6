"""The command line that every system's adapter takes."""

from __future__ import annotations

import argparse
from pathlib import Path


def parse(description: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--utterances", type=Path, required=True, help="what scripts/peers/utterances.py has written"
    )
    parser.add_argument("--json", type=Path, required=True, help="where the report goes")
    parser.add_argument("--trials", type=int, default=12, help="cut-ins (default 12)")
    parser.add_argument(
        "--idle", type=float, default=20.0, help="[s] of silence for the idle figures (default 20)"
    )
    parser.add_argument(
        "--partials", action="store_true", help="interim transcripts, and only what the delays need"
    )
    return parser.parse_args()
