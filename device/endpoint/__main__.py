"""``python -m device.endpoint``: the worker alone, for a server on which nothing else of earshot is needed."""

import argparse
import sys

from device.endpoint import command
from device.errors import EarshotError

if __name__ == "__main__":
    top = argparse.ArgumentParser(prog="python -m device.endpoint")
    command.add_arguments(top)
    try:
        sys.exit(command.run(top.parse_args()))
    except EarshotError as exc:
        print(f"endpoint: {exc}", file=sys.stderr)
        sys.exit(2)
