"""Simple arithmetic the way people say it: "twelve times three", "what's 7 plus 8", "20 percent of 60"."""

from __future__ import annotations

import re

_UNITS = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]  # fmt: skip
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_NUMBERS = {word: value for value, word in enumerate(_UNITS)} | {
    word: 20 + 10 * index for index, word in enumerate(_TENS)
}
_SCALES = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9}
_OPERATORS = {
    "+": "+", "plus": "+", "-": "-", "minus": "-", "*": "*", "x": "*", "times": "*", "multiplied": "*",
    "/": "/", "divided": "/", "over": "/", "percent": "%", "%": "%",
}  # fmt: skip
_SPOKEN = {"+": "plus", "-": "minus", "*": "times", "/": "divided by", "%": "percent of"}
_LARGEST = 1e15
"""Beyond this a float no longer counts in ones."""

Token = float | str


def calculate(text: str) -> str | None:
    """The answer as a sentence, or None when ``text`` holds no calculation.

    Understands numbers in digits or English words below 10^15, and + - * / and "percent of", with the usual
    precedence.
    """
    tokens = _expression(_tokens(text))
    if tokens is None:
        return None
    spoken = " ".join(_SPOKEN[t] if isinstance(t, str) else _number(t) for t in tokens)
    try:
        value = _evaluate(tokens)
    except ZeroDivisionError:
        return "Nothing can be divided by zero."
    if abs(value) >= _LARGEST:
        return "That number is too big for me."
    rounded = round(value, 4)
    about = "is" if abs(rounded - value) < 1e-9 else "is about"
    return f"{spoken[0].upper()}{spoken[1:]} {about} {_number(rounded)}."


def _tokens(text: str) -> list[Token]:
    """Numbers as floats, operators as symbols, every other word as itself."""
    tokens: list[Token] = []
    group: list[str] = []

    def close() -> None:
        if group:
            tokens.append(_from_words(group))
            group.clear()

    lowered = re.sub(r"(?<=[a-z])-(?=[a-z])", " ", text.lower())
    lowered = re.sub(r"(?<=\d),(?=\d{3})", "", lowered)
    words = re.findall(r"\d+(?:\.\d+)?|[a-z']+|[-+*/%]", lowered)
    for index, word in enumerate(words):
        following = words[index + 1] if index + 1 < len(words) else ""
        if word in _NUMBERS or (word in _SCALES and group):
            group.append(word)
        elif word == "and" and group and group[-1] in _SCALES and following in _NUMBERS:
            continue  # "two hundred and five"
        else:
            close()
            if word[0].isdigit():
                tokens.append(float(word))
            else:
                tokens.append(_OPERATORS.get(word, word))
    close()
    return tokens


def _from_words(words: list[str]) -> float:
    total = current = 0
    for word in words:
        if word in _NUMBERS:
            current += _NUMBERS[word]
        elif _SCALES[word] == 100:
            current = max(current, 1) * 100
        else:
            total, current = total + max(current, 1) * _SCALES[word], 0
    return float(total + current)


def _expression(tokens: list[Token]) -> list[Token] | None:
    """The first number-operator-number run in ``tokens``."""
    tokens = [t for t in tokens if t not in ("by", "of", "the")]
    for start, token in enumerate(tokens):
        if isinstance(token, str):
            continue
        run: list[Token] = [token]
        rest = tokens[start + 1 :]
        while len(rest) >= 2 and rest[0] in _SPOKEN and isinstance(rest[1], float):
            run += rest[:2]
            rest = rest[2:]
        if len(run) >= 3:
            return run
    return None


def _evaluate(tokens: list[Token]) -> float:
    """Left to right, * / % before + -."""
    total, sign, term = 0.0, 1.0, float(tokens[0])
    for operator, value in zip(tokens[1::2], tokens[2::2], strict=True):
        number = float(value)
        if operator == "*":
            term *= number
        elif operator == "/":
            term /= number
        elif operator == "%":
            term = term / 100 * number
        else:
            total, term, sign = total + sign * term, number, 1.0 if operator == "+" else -1.0
    return total + sign * term


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:.4f}".rstrip("0")
