"""What the tiny model can hear: sentence templates, spoken forms, and the synthetic voices that say them.

The vocabulary is every word the templates can produce. Each template belongs to a group; a sentence is drawn by
group first (``SHARES``), so that the few short interjections of talking over a reply are not drowned by the many
household commands.
"""

from __future__ import annotations

import random


def _list(words: str) -> list[str]:
    return words.split()


ONES = _list("one two three four five six seven eight nine ten eleven twelve")
TEENS = _list("thirteen fourteen fifteen sixteen seventeen eighteen nineteen")
TENS = _list("twenty thirty forty fifty sixty seventy eighty ninety")
ROOMS = ["kitchen", "bedroom", "living room", "bathroom", "office", "hall"]
COLOURS = _list("red green blue white yellow")
ITEMS = _list("milk bread eggs butter coffee tea apples cheese")
WEEKDAYS = _list("monday tuesday wednesday thursday friday saturday sunday")
BODIES = ["the moon", "the sun", "mars"]

SPOKEN = {"mm-hm": ["um hum", "[[mh'Vm]]", "[[m'Vmh'Vm]]", "[[@mh'@m]]"], "uh-huh": ["uh huh", "uh-huh"]}
"""How a speech synthesiser is made to say words that it would spell out; ``[[...]]`` is espeak-ng's notation."""

FLITE_SPOKEN = {"mm-hm": ["um hum"], "uh-huh": ["uh huh"]}

GROUPS: dict[str, list[str]] = {
    "control": [
        "stop", "stop", "stop it", "please stop", "stop please", "stop that", "stop talking", "be quiet", "cancel",
        "shut up", "stop listening", "microphone off", "microphone on", "a little louder", "a little quieter",
        "what's today's date", "set volume {percent}", "repeat it",
        "cancel", "cancel that", "cancel it", "never mind", "never mind", "forget it", "volume up", "volume down",
        "turn it up", "turn it down", "turn it up", "turn it down", "turn up the volume", "turn down the volume", "turn the volume up",
        "turn the volume down", "louder", "quieter", "louder please", "quieter please", "a bit louder",
        "a bit quieter", "set the volume to {percent}", "set the volume to {percent}", "set volume to {percent}", "set the volume to {percent} percent",
        "set volume to {percent} percent", "volume {percent}", "volume {percent} percent", "mute", "unmute",
        "mute yourself", "unmute yourself", "mute the sound", "unmute the sound", "mute the microphone",
        "unmute the microphone", "what time is it", "what time is it now", "what is the time", "what is the time", "what is the time",
        "what's the time", "what's the time", 
        "tell me the time", "what day is it", "what day is it today", "what is the date", "what's the date",
        "what is the date today", "what date is it", "what is today's date", "tell me the date", "repeat that",
        "repeat that please", "please repeat that", "repeat", "say that again", "say it again", "say that again please",
        "what did you say", "can you repeat that", "pardon", "again", "help", "thank you", "thanks",
    ],
    "question": [
        "tell me a story", "tell me a long story", "tell me a short story", "tell me another story", "tell me a joke",
        "tell me about {body}", "tell me more", "tell me more about {body}", "what is {n} plus {n}",
        "what is {n} minus {n}", "what is {n} times {n}", "what is {n} divided by {n}", "what's {n} plus {n}",
        "who are you", "who are you", "what are you", "where are you", "how are you", "what can you do",
        "how far is {body}", "how far away is {body}", "how old is {body}", "how big is {body}", "what is {body}",
        "where is {body}", "what about {when}", "and what about {when}", "what about {body}", "and what about {body}",
        "and {body}", "what is the weather", "what is the weather {when}", "what is the weather like {when}",
        "will it rain {when}", "what is the news", "what is your name", "what do you know about {body}",
    ],
    "cut_in": [
        "wait", "wait", "wait a minute", "wait a second", "hold on", "hold on", "hold it", "hold on a minute", "stop",
        "stop", "no", "no", "no no", "no stop", "no wait", "wait no", "stop stop", "okay stop", "okay thank you",
        "no thanks", "that is enough", "that's enough", "enough", "no wait i meant the {room} {lamp}",
        "no i meant the {room} {lamp}", "i meant the {room}", "i meant {when}", "sorry i meant {body}",
        "no wait i meant {when}", "actually i meant the {room} {lamp}", "actually never mind", "actually cancel that",
        "actually stop", "no never mind", "sorry never mind", "sorry which day did you say", "sorry what did you say",
        "sorry can you repeat that", "which day did you say", "which one did you say", "which {one} did you mean",
        "what do you mean", "{cut} {ask}", "{cut} {ask}", "{cut} {ask}", "{cut} {act}", "{cut} {act}",
    ],
    "backchannel": [
        "mm-hm", "mm-hm", "mm-hm", "uh-huh", "uh-huh", "uh-huh", "uh-huh", "yeah", "yeah", "okay", "okay", "right", "right",
        "i see", "i see", "yes", "sure", "really", "oh", "oh i see", "oh really", "oh right", "yeah right",
        "yeah okay", "okay right", "great", "got it", "go on", "of course", "all right", "mm-hm yeah", "uh-huh okay",
        "yeah yeah", "mm-hm okay", "yeah i see", "yeah sure",
    ],
    "wake": ["alexa", "alexa {act}", "alexa {act}", "alexa {ask}", "alexa {ask}", "alexa stop"],
    "home": [
        "set a timer for {dur}", "set a {name} timer for {dur}", "start a timer for {dur}", "timer {dur}",
        "set an alarm for {clock}", "wake me up at {clock}", "cancel the timer", "cancel the {name} timer",
        "cancel the alarm", "stop the timer", "stop the alarm", "how much time is left on the timer",
        "how long is left", "add {dur} to the timer", "pause the timer", "resume the timer",
        "what is the date tomorrow", "turn on the {room} lights", "turn off the {room} lights", "turn on the lights",
        "turn off the lights", "turn the {room} lights on", "turn the {room} lights off", "turn on the {room} light",
        "turn off the {room} light", "turn the light {colour}", "turn on the fan", "turn off the fan",
        "turn on the {room} lamp", "turn off the {room} lamp", "set the {room} lights to {n} percent",
        "dim the lights", "set the lights to {colour}", "set the temperature to {n} degrees", "make it warmer",
        "make it colder", "pause", "pause the music", "resume", "resume the music", "play music", "play some music",
        "play the news", "play the radio", "play the next song", "next", "next song", "skip", "skip this song",
        "previous song", "go back", "continue", "yes please", "hello", "good morning", "good night", "goodbye",
        "add {item} to my shopping list", "add {item} and {item} to my shopping list",
        "what is on my shopping list", "remind me to call {who} at {clock}", "remind me in {dur}", "call {who}",
        "open the door", "close the door", "lock the door", "unlock the door", "is the door open", "hey earshot",
        "hey computer", "hey earshot {act}", "computer {act}", "um {ask}", "um {act}", "uh {act}", "{ask} um",
    ],
}  # fmt: skip
SHARES = {"control": 0.25, "question": 0.17, "cut_in": 0.2, "backchannel": 0.08, "wake": 0.1, "home": 0.2}
CUTS = [
    "no",
    "no wait",
    "wait",
    "hold on",
    "sorry",
    "actually",
    "stop",
    "okay",
    "yeah",
    "and",
    "yes",
    "oh",
    "no no",
]
ASKS = [t for t in GROUPS["question"] if not t.startswith("and ")]
ACTS = [t for t in GROUPS["control"] if t not in ("again", "pardon", "repeat")]


def number(r: random.Random) -> str:
    """A number from one to ninety-nine in words, small ones more often."""
    k = r.random()
    if k < 0.5:
        return r.choice(ONES)
    if k < 0.65:
        return r.choice(TEENS)
    if k < 0.85:
        return r.choice(TENS)
    return r.choice(TENS) + " " + r.choice(ONES[:9])


def _percent(r: random.Random) -> str:
    k = r.random()
    if k < 0.5:
        return r.choice(TENS)
    return r.choice(["zero", "one hundred", "a hundred"]) if k < 0.62 else number(r)


def _unit(r: random.Random, n: str) -> str:
    u = r.choice(["second", "minute", "hour"])
    return u if n == "one" else u + "s"


def _duration(r: random.Random) -> str:
    n = number(r)
    odd = ["half an hour", "an hour", "a minute", "an hour and a half", "one hour and thirty minutes"]
    return r.choice([f"{n} {_unit(r, n)}"] * 6 + odd)


def _clock(r: random.Random) -> str:
    h = r.choice(ONES)
    part = r.choice(["thirty", "fifteen", "forty five", "ten", "twenty"])
    return r.choice([h, f"{h} {part}", f"{h} o'clock", f"half past {h}", f"{h} in the morning"])


SLOTS = {
    "dur": _duration,
    "clock": _clock,
    "percent": _percent,
    "n": lambda r: r.choice([number(r), number(r), "zero", "one hundred"]),
    "room": lambda r: r.choice(ROOMS),
    "lamp": lambda r: r.choice(["light", "light", "lights", "lamp"]),
    "one": lambda r: r.choice(["one", "day", "room", "light"]),
    "colour": lambda r: r.choice(COLOURS),
    "item": lambda r: r.choice(ITEMS),
    "body": lambda r: r.choice(BODIES),
    "when": lambda r: r.choice(
        ["today", "tomorrow", "tomorrow", "tonight", r.choice(WEEKDAYS), r.choice(WEEKDAYS)]
    ),
    "name": lambda r: r.choice(["tea", "pizza", "coffee", "kitchen", "second"]),
    "who": lambda r: r.choice(["mum", "dad", "home", "the office"]),
    "cut": lambda r: r.choice(CUTS),
    "ask": lambda r: r.choice(ASKS),
    "act": lambda r: r.choice(ACTS),
}


def fill(template: str, r: random.Random) -> str:
    """``template`` with every ``{slot}`` replaced, from the left, until none is left."""
    while "{" in template:
        a, b = template.index("{"), template.index("}")
        template = template[:a] + SLOTS[template[a + 1 : b]](r) + template[b + 1 :]
    return template


def sentence(r: random.Random) -> str:
    """One random sentence of the model's little world."""
    group = r.choices(list(SHARES), list(SHARES.values()))[0]
    return fill(r.choice(GROUPS[group]), r)


def vocabulary() -> list[str]:
    """Every word that ``sentence`` can produce, sorted."""
    r, words = random.Random(5), set()
    for group in GROUPS.values():
        for template in group:
            for _ in range(300 if "{" in template else 1):
                words.update(fill(template, r).split())
    return sorted(words)


def others() -> list[str]:
    """Words outside the vocabulary: phone coverage for training, foreign phrases for the rejection test."""
    return sorted(set(OTHER) - set(vocabulary()))


OTHER = _list("""about above across actor after airplane almost always animal answer arm army artist autumn baby ball
banana basket beach bear beautiful because behind believe better bicycle bird black boat body book bottle box boy
brother build business camera captain castle chair change chicken child church circle city class clever cloud
company corner country cousin dangerous daughter desert different dinner doctor dog dragon dream driver early earth
engine evening example family famous farmer father finger fire fish flower forest friend garden general ghost
girl glass grass ground guitar happy heart heavy history horse hospital house hundredth imagine island
jacket journey jungle justice kettle king knife language large laugh leather lemon letter library lion machine magic
market measure medicine million mirror money monkey month mountain mouth nature neighbour nothing ocean orange
other outside oyster paper parent people picture planet pocket police power prince problem purple queen
rabbit reason river rocket sailor school science shadow shoulder silver simple sister sleep smile soldier spider
square station street strong student sugar summer surprise table teacher thousand thunder tiger together tomato
tower travel treasure tree trouble under uncle usual valley vegetable village vision voice water welcome whisper
window winter wonder world yesterday young zebra pleasure garage boil enjoy noise hurry marriage""")

VARIANTS_TRAIN = ["", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "f1", "f2", "f3", "f4", "Alex", "Alicia", "Andrea",
                  "Denis", "Diogo", "Gene", "Henrique", "Hugo", "Jacky", "Lee", "Marco", "Mario", "Mike", "Nguyen",
                  "Reed", "RicishayMax", "RicishayMax3", "adam", "anika", "announcer", "antonio", "aunty", "belinda",
                  "benjamin", "boris", "caleb", "david", "edward", "grandma", "grandpa", "gustave", "ian", "iven",
                  "iven3", "john", "klatt", "klatt2", "klatt4", "klatt5", "marcelo", "max", "michel", "miguel",
                  "norbert", "pablo", "paul", "pedro", "rob", "robert", "sandro", "shelby", "steph", "steph2",
                  "travis", "victor", "zac", "croak", "whisper", "whisperf"]  # fmt: skip
"""espeak-ng voice variants to train on; the empty one is the plain voice."""

VARIANTS_TEST = [
    "m8",
    "f5",
    "Andy",
    "Annie",
    "Gene2",
    "Michael",
    "ed",
    "linda",
    "quincy",
    "steph3",
    "klatt3",
    "iven2",
]
"""espeak-ng voice variants that are never trained on."""

ACCENTS = ["en-us", "en-us", "en"]
FLITE_TRAIN = ["slt", "rms", "awb", "kal16"]
"""flite voices in the training speech: the demo's talkers use them, so the model must understand them."""

if __name__ == "__main__":
    v = vocabulary()
    print(len(v), "words:", " ".join(v))
