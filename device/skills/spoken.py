"""Time, date and durations as a person says them. English; numbers in words, so that every voice says them alike."""

from __future__ import annotations

import datetime

_ONES_TEXT = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
    sixteen seventeen eighteen nineteen"""
_ORDINALS_TEXT = """- first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth
    fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"""
_DAYS_TEXT = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday"
_MONTHS_TEXT = "January February March April May June July August September October November December"
_TENS = ("", "", "twenty", "thirty", "forty", "fifty")
_ONES, _ORDINALS, _DAYS, _MONTHS = (
    text.split() for text in (_ONES_TEXT, _ORDINALS_TEXT, _DAYS_TEXT, _MONTHS_TEXT)
)


def say_time(time: datetime.time) -> str:
    """The time to the minute on a twelve-hour clock: "It's half past seven in the evening."

    Whole and half hours and quarters are named as such; other minutes are read: "It's seven forty two in the
    morning.", "It's seven oh five ..."
    """
    hour, minute = time.hour, time.minute
    if minute == 0 and hour in (0, 12):
        return "It's noon." if hour else "It's midnight."
    part = _part_of_day(hour)
    this, following = _clock_hour(hour), _clock_hour(hour + 1)
    if minute == 0:
        return f"It's {this} o'clock {part}."
    if minute == 15:
        return f"It's a quarter past {this} {part}."
    if minute == 30:
        return f"It's half past {this} {part}."
    if minute == 45:
        return f"It's a quarter to {following} {part}."
    minutes = f"oh {_ONES[minute]}" if minute < 10 else number(minute)
    return f"It's {this} {minutes} {part}."


def say_date(date: datetime.date) -> str:
    """Weekday, month and day: "It's Sunday, November twenty second." """
    return f"It's {_DAYS[date.weekday()]}, {_MONTHS[date.month - 1]} {ordinal(date.day)}."


def say_duration(seconds: int) -> str:
    """1 s to 24 h: "one hour and twenty minutes", "ten minutes", "a minute" is "one minute"; parts that are zero are left out."""
    hours, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    counts = ((hours, "hour"), (minutes, "minute"), (rest, "second"))
    parts = [f"{number(count)} {unit}{'s' * (count != 1)}" for count, unit in counts if count]
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last


def number(value: int) -> str:
    """0..59 in words."""
    if value < 20:
        return _ONES[value]
    tens, ones = divmod(value, 10)
    return _TENS[tens] + (f" {_ONES[ones]}" if ones else "")


def ordinal(value: int) -> str:
    """1..31 in words."""
    if value <= 20:
        return _ORDINALS[value]
    tens, ones = divmod(value, 10)
    return f"{_TENS[tens]} {_ORDINALS[ones]}" if ones else "thirtieth"


def _clock_hour(hour: int) -> str:
    return _ONES[hour % 12 or 12]


def _part_of_day(hour: int) -> str:
    if hour < 12:
        return "in the morning" if hour >= 4 else "at night"
    if hour < 18:
        return "in the afternoon"
    return "in the evening" if hour < 22 else "at night"
