"""The result of ``earshot bench echo`` for people. Pure."""

from __future__ import annotations

from typing import Any

from device.bench.table import cell, table

COLUMNS = (
    ("case", "case", ""), ("ERLE", "erle_db", ".1f"), ("20 dB", "t20_s", ".1f"), ("-10 dB", "stoi_ser_-10_db", ".2f"),
    ("0 dB", "stoi_ser_0_db", ".2f"), ("level", "talker_gain_db", "+.1f"), ("ERLE", "suppressed_erle_db", ".1f"),
    ("-10 dB", "suppressed_stoi_ser_-10_db", ".2f"), ("0 dB", "suppressed_stoi_ser_0_db", ".2f"),
    ("level", "suppressed_talker_gain_db", "+.1f"), ("ms", "cpu_ms_per_10ms", ".3f"),
    ("x speex", "cpu_ratio", ".1f"), ("ERLE", "speexdsp_erle_db", ".1f"),
)  # fmt: skip
GROUPS = (
    (1, 3, "dB, s"),
    (3, 6, "talker"),
    (6, 10, "with the suppressor"),
    (10, 12, "CPU"),
    (12, 13, "speexdsp"),
)


def text(result: dict[str, Any]) -> str:
    """Tables of plain text."""
    lines = [table("the echo canceller in simulated rooms", COLUMNS, result["cases"], GROUPS), ""]
    lines += [f"{row['case']:>14}: {row['text']}" for row in result["cases"]]
    for clip in result["real"]:
        if "stoi" in clip:
            told = f"talker alone: STOI {cell(clip['stoi'], '.3f')}, level {clip['gain_db']:+.1f} dB; with the suppressor "
            told += f"{cell(clip['suppressed_stoi'], '.3f')}, {clip['suppressed_gain_db']:+.1f} dB"
        else:
            erle = ", ".join(cell(clip[key], ".1f") for key in clip if key.startswith("erle_"))
            with_it = ", ".join(cell(clip[key], ".1f") for key in clip if key.startswith("suppressed_erle_"))
            told = f"ERLE 0-3, 3-6, 6+ s: {erle} dB; with the suppressor {with_it} dB"
        lines.append(f"{clip['clip']} ({clip['kind'].split('_')[0]}): {told}")
    return "\n".join((*lines, *result["setup"]["notes"]))
