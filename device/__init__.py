"""earshot: a smart speaker you can talk over."""

__version__ = "0.1.0"
