"""Recognisers: speech in, words and local intents out; each engine is one file, chosen by name."""
