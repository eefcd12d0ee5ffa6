"""Tables of ``earshot fleet`` for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from device.fleet.attack import Outcome
from device.fleet.proof import name_of
from device.fleet.stage import Cast


def members(rows: Sequence[Mapping[str, Any]], soon_days: int) -> None:
    """Who is in the fleet; a certificate that ends within ``soon_days`` says so in words."""
    table = Table(box=None, pad_edge=False)
    for heading in ("name", "what it is", "until", ""):
        table.add_column(heading, no_wrap=heading in ("name", "until"))
    for row in rows:
        days = row["days"]
        if days is None:
            note = f"none: earshot fleet renew {row['name']}"
        elif days < 0:
            note = f"EXPIRED: earshot fleet renew {row['name']}"
        elif days < soon_days:
            note = f"{days} days left: earshot fleet renew {row['name']}"
        else:
            note = ""
        if row["certificates"] > 1:
            note = (
                note + f" {row['certificates']} are good: earshot fleet revoke {row['name']} --old"
            ).strip()
        table.add_row(row["name"], escape(row["what"]), row["expires"] or "-", note)
    Console(highlight=False).print(table)


def outcomes(found: Sequence[Outcome], people: Cast) -> None:
    """The matrix, a line a case: who tries what, and what came of it."""
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    table.add_column("who", no_wrap=True)
    table.add_column("tries")
    table.add_column("")
    for one in found:
        who = one.case.who
        name = name_of(one, people)
        table.add_row(
            "[green]✓[/]" if one.as_expected else "[red]✗[/]",
            escape(f"{who} {name}" if name and not name.startswith("proof-") else who),
            escape(one.case.tries),
            escape(_result(one)),
        )
    Console(highlight=False).print(table)


def _result(one: Outcome) -> str:
    if one.error:
        return f"NOT TRIED: {one.error}"
    if one.as_expected:
        return one.how or "allowed"
    return "LET THROUGH" if one.case.refused else f"REFUSED, though it is allowed: {one.how}"
