"""``earshot models``: which models are there, and getting one that is not."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

EPILOG = """\
examples:
  earshot models list
  earshot models fetch vosk-small-en-us      free speech instead of commands only (40 MB)
  earshot models fetch kokoro                a natural voice (350 MB)"""

FETCH_EPILOG = """\
examples:
  earshot models fetch vosk-small-en-us
  earshot models fetch vosk-small-en-us --from vosk-model-small-en-us-0.15.zip     (no network here)
  earshot models fetch kokoro --from kokoro-v1.0.onnx --from voices-v1.0.bin
  earshot models fetch my-german --url https://alphacephei.com/vosk/models/vosk-model-small-de-0.15.zip

A download that was interrupted goes on where it stopped. The publishers give no checksums, so the sha256 of the first
fetch is pinned, and later fetches must match it."""


def add_parser(subparsers: Any) -> None:
    top = subparsers.add_parser(
        "models",
        help="list and fetch models for speech recognition and voices",
        description="Models for speech recognition and voices: which are on this machine, and how to get more.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.set_defaults(run=lambda args: top.print_help() or 2)
    commands = top.add_subparsers(metavar="list|fetch")
    show = commands.add_parser("list", help="models on this machine and in the catalogue")
    show.add_argument("--json", action="store_true", help="as one JSON object, for programs")
    show.set_defaults(run=run_list)
    get = commands.add_parser(
        "fetch",
        help="bring a model onto this machine",
        description="Bring a model onto this machine: downloads, checks and unpacks it, then `earshot run` finds it.",
        epilog=FETCH_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    get.add_argument(
        "name", help="a name of `earshot models list`, or your own together with --url or --from"
    )
    get.add_argument(
        "--from", dest="given", metavar="FILE", type=Path, action="append", default=[],
        help="take this archive, file or unpacked folder instead of downloading (repeat for several files)",
    )  # fmt: skip
    get.add_argument(
        "--url", action="append", default=[], help="download from here instead (repeat for several files)"
    )
    get.add_argument(
        "--to", type=Path, metavar="DIR", help="models folder to put it into (default: state directory)"
    )
    get.add_argument("--force", action="store_true", help="fetch again even if the model is there")
    get.add_argument(
        "--repin", action="store_true", help="accept other content than the first fetch had, and pin that"
    )
    get.set_defaults(run=run_fetch)


def run_fetch(args: argparse.Namespace) -> int:
    from device.models.download import FetchError
    from device.models.fetch import fetch
    from device.models.progress import make_progress

    if args.given and args.url:
        raise FetchError(
            "--from and --url exclude each other: the model comes either from here or from there"
        )
    progress = make_progress()
    try:
        done = fetch(
            args.name, progress, given=args.given, urls=args.url, to=args.to, force=args.force, repin=args.repin
        )  # fmt: skip
    except KeyboardInterrupt:
        progress.stop()
        print(
            "interrupted; what was downloaded is kept: run the same command again to go on", file=sys.stderr
        )
        return 130
    finally:
        progress.stop()
    if done.was_there:
        print(f"{args.name} is already there: {done.model.path} (--force fetches it again)")
        return 0
    print(f"{args.name} is ready: {done.model.path}")
    for file, digest in done.sha256.items():
        print(f"  sha256 {digest}  {file}")
    print(f"  pinned: {done.pinned}; the publisher gives no checksum to compare it with")
    if not done.seen:
        print(
            f"  earshot does not look into that folder by itself: set EARSHOT_MODELS={done.model.path.parent}"
        )
    elif done.model.test:
        print("  it is marked as a test model: `earshot run` uses it only when the configuration names it")
    else:
        print("  `earshot run` uses it from its next start on")
    return 0


def run_list(args: argparse.Namespace) -> int:
    from device.models.catalogue import catalogue
    from device.models.lookup import folders, scan

    here = scan()
    names = {m.name for m in here}
    absent = [e for e in catalogue().values() if e.name not in names]
    if args.json:
        rows = [
            {
                "name": m.name, "kind": m.kind, "fetched": True, "path": str(m.path), "test": m.test,
                "usable": not m.problem, "problem": m.problem, "licence": m.licence, "about": m.about,
                "sha256": m.sha256, "pinned": m.pinned,
            }
            for m in here
        ] + [
            {
                "name": e.name, "kind": e.kind, "fetched": False, "download_mb": e.download_mb,
                "unpacked_mb": e.unpacked_mb, "licence": e.licence, "about": e.about, "urls": [f.url for f in e.files],
            }
            for e in absent
        ]  # fmt: skip
        print(json.dumps({"models": rows, "folders": [str(f) for f in folders()]}, indent=2))
        return 0
    for m in here:
        state = (
            f"NOT USABLE: {m.problem}"
            if m.problem
            else "for tests, never picked by itself"
            if m.test
            else "ready"
        )
        print(f"{m.name:20} {m.kind or '?':7} {state}\n    {m.about or '(no description)'}\n    {m.path}")
        if m.pinned:
            print(f"    pinned: {m.pinned}; sha256 of the content {m.sha256.get('content', '?')[:16]}...")
    for e in absent:
        print(
            f"{e.name:20} {e.kind:7} not here, {e.download_mb:.0f} MB: earshot models fetch {e.name}\n    {e.about}"
        )
    print("\nlooked into, first hit wins:")
    for f in folders():
        print(f"    {f}" + ("" if os.path.isdir(f) else "  (not there, or not ours to see)"))
    return 0
