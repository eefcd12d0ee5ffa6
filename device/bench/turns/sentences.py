"""What the talkers say. Pure data.

All but those of ``LOCAL`` are for the endpoint: no local command may be among them.

A sentence with a bar is said with a pause there: the speaker hesitates after a word that dangles, and goes on.
"""

from __future__ import annotations

FINISHED = (
    "hello can you tell me about the tides",
    "what is the capital of Portugal",
    "who painted the Mona Lisa",
    "please play the other song",
    "how tall is the Eiffel tower",
    "tell me a joke",
    "do I need an umbrella today",
    "read me the latest news",
    "what should I cook tonight",
    "how many people live in Norway",
    "I would like to hear some jazz",
    "when does the next bus leave",
    "is the pharmacy still open",
    "add butter and eggs to the shopping list",
    "turn the oven off in ten minutes",
    "why is the sky blue",
    "remind me to call my mother",
    "what is seventeen times four",
    "which day did you say",
    "I am looking for a book about bees",
    "how do you say good morning in Italian",
    "where is the nearest train station",
    "the kitchen is too dark",
    "can you wake me at seven tomorrow",
)
DANGLING = (
    "what is this made of",
    "turn the lights on",
    "who is she talking to",
    "where does he come from",
    "what are you thinking about",
    "turn the heating off",
    "what did you do that for",
    "who am I going with",
    "put the kettle on",
    "tell me what it is",
    "what was that all about",
    "which drawer is it in",
)
"""Finished, although the last word is one that sentences seldom end with."""
FAST = FINISHED[1::2]
SLOW = FINISHED[0::2]
LOCAL = (
    ("volume up", "volume_up"),
    ("what time is it", "time"),
    ("turn the volume down", "volume_down"),
    ("louder", "volume_up"),
    ("set the volume to forty", "volume_set"),
    ("what day is it today", "date"),
    ("turn it up", "volume_up"),
    ("tell me the time", "time"),
)
"""Commands that the device carries out itself, and what they mean."""
SMALL_VOCABULARY = (
    "what is the weather tomorrow",
    "tell me a joke",
    "turn on the kitchen light",
    "play some music",
    "open the kitchen door in ten minutes",
    "what about the radio",
    "wake me at seven tomorrow",
    "add milk and eggs to my shopping list",
    "will it rain on monday",
    "open the door of the living room",
    "tell me about the moon",
    "what will the temperature be tonight",
)
"""Questions in the words of vosk-tiny-en, for earshot's own recogniser."""
HESITATING = (
    "what is the weather in | London tomorrow",
    "turn the oven off in | ten minutes",
    "tell me about the | history of Rome",
    "I would like to know if | the shop is open",
    "put on the album by | the Beatles",
    "add milk and | eggs to the list",
    "how far is it from here to | the station",
    "remind me to | call my mother",
    "um | what is the capital of France",
    "turn on the light in the | kitchen please",
    "can you tell me when the | next train leaves",
    "what is fifteen times | seven",
    "is it going to rain on | Saturday or Sunday",
    "send a message to Anna that I | will be late",
    "how do you say good morning in | Italian",
    "what is the difference between a crow and a | magpie",
    "could you please | read my messages",
    "the alarm should ring at | half past six",
    "who wrote the book about the | white whale",
    "I think it was either Monday or | Tuesday",
)
QUESTION = "hello can you tell me about the weather"
"""Gets the long answer, which is cut into."""
CUT_INS = (
    "stop what about tomorrow instead",
    "no wait I meant the kitchen light",
    "hold on can you set a timer first",
    "please turn the music down a little",
    "actually play the other song",
    "hey which train do you mean",
    "cancel that and read my messages",
    "sorry which day did you say",
    "never mind tell me a joke",
    "be quiet and listen to me",
)

SHORT_ANSWER = "Here is the answer for you. That is all there is to it."
LONG_ANSWER = (
    "Here is the answer for you. "
    "It goes on for quite a while because the listener should have time to change their mind about it. "
    "This last part only exists so that nobody can ever reach the end of it before they speak again today."
)
FIRST_SENTENCE_WORDS = 6

RECORDED = "please make me a large coffee"
"""Stands for whatever a recording says: its words are spread evenly over the sound."""
