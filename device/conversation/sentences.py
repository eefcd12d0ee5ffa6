"""What the device says by itself: short, in plain words, and with what can be done about it."""

from __future__ import annotations

__all__ = ["every_sentence", "excuse", "sentence"]

_SENTENCES: dict[str, dict[str, str]] = {
    "en": {
        "commands_only": "I only know a few commands, like stop, what time is it, or turn it up. "
        "For free speech I need a model. To get it, run: earshot models fetch vosk small en us.",
        "unclear": "Sorry, I didn't catch that.",
        "recogniser": "Sorry, my speech recogniser has failed. I am starting it again, please say that once more.",
        "microphone": "Sorry, my microphone has failed. I am trying to get it back, please say that again in a moment.",
        "microphone_missing": "My microphone is missing. I can't hear you until it is back.",
        "microphone_back": "My microphone is back.",
        "empty": "Sorry, I got an empty answer.",
        "too_long": "There is more, but that is as much as I read out at once.",
        "nothing_left": "That was all.",
        "nothing_said": "I haven't said anything yet.",
        "cut_off": "Sorry, that is as far as I got. The rest of the answer is lost.",
    }
}

_EXCUSES: dict[str, dict[str, str]] = {
    "en": {
        "no_broker": "I can't reach the message broker. The simple commands still work.",
        "disabled": "The connection to my message broker is turned off. The simple commands still work.",
        "no_worker": "Nobody is answering right now. The simple commands still work.",
        "timeout": "That took too long, so I gave up. Please try again.",
        "upstream_down": "I can't reach the language model right now. The simple commands still work.",
        "upstream_timeout": "The language model takes too long, so I gave up. Please try again.",
        "upstream_unauthorised": "The language model refused my key. Please check the endpoint's key file.",
        "upstream_not_found": "The language model that I am set up for does not exist. Please check the endpoint.",
        "upstream_refused": "The language model refused to answer that.",
        "busy": "There is too much to do right now. Please try again in a moment.",
    }
}
_UNKNOWN = {"en": "Something went wrong while I looked for an answer. Please try again."}


def sentence(key: str, language: str = "en") -> str:
    """The sentence called ``key``; an unknown key is a programming error (KeyError)."""
    return _SENTENCES[language][key]


def excuse(code: str, language: str = "en") -> str:
    """Why there is no answer; any ``code`` that an endpoint may make up has a sentence."""
    return _EXCUSES[language].get(code, _UNKNOWN[language])


def every_sentence(language: str = "en") -> list[str]:
    """All of them, for a voice that prepares what it will say."""
    return [*_SENTENCES[language].values(), *_EXCUSES[language].values(), _UNKNOWN[language]]
