"""Lexicon and the two graphs of a libvosk model with runtime grammars: HCLr (lexicon with HMMs) and Gr (language)."""

from __future__ import annotations

import collections
import random

import numpy as np
import pywrapfst as fst
import words as vocab
from speech import flite_pronunciation

UNK = "[unk]"
UNK_ENTER, UNK_PHONE = 6.0, 2.2
"""Costs of entering [unk] and of each of its phones: high enough that vocabulary words win."""
LM_SCALE = 2.5
FLITE_COST = 0.3
"""What a pronunciation that only flite uses costs more."""

Lexicon = dict[str, list[tuple[tuple[str, ...], float]]]


def lexicon(data: list[dict], phones: list[str], least_share: float = 0.06, most: int = 4) -> Lexicon:
    """Word -> [(phones, cost)], as espeak-ng really said it in the training speech, and as flite says it."""
    count: dict[str, collections.Counter] = collections.defaultdict(collections.Counter)
    vocabulary = set(vocab.vocabulary())
    for x in data:
        for w, p in zip(x["words"], x["per_word"] or [], strict=False):
            if w in vocabulary and p and all(q in phones for q in p):
                count[w][tuple(p)] += 1
    missing = vocabulary - set(count)
    if missing:
        raise SystemExit(f"the training speech never says: {' '.join(sorted(missing))}; make more of it")
    out: Lexicon = {}
    for w, c in count.items():
        n = sum(c.values())
        keep = [(p, k) for p, k in c.most_common(most) if k / n >= least_share]
        out[w] = [(p, float(-np.log(k / keep[0][1]) * 0.5)) for p, k in keep]
        for text in vocab.FLITE_SPOKEN.get(w, [w]):
            flite = flite_pronunciation(text)
            if flite and flite not in dict(out[w]) and all(q in phones for q in flite):
                out[w].append((flite, FLITE_COST))
    return out


def positions(pronunciation: tuple[str, ...]) -> list[str]:
    """Kaldi's word-position phones: begin, internal, end, or singleton."""
    if len(pronunciation) == 1:
        return [pronunciation[0] + "_S"]
    return [pronunciation[0] + "_B"] + [p + "_I" for p in pronunciation[1:-1]] + [pronunciation[-1] + "_E"]


def hcl(lex: Lexicon, phone_id: dict[str, int], word_id: dict[str, int], phones: list[str]) -> fst.VectorFst:
    """Lexicon tree composed with the one-state HMMs, self-loops after the forward arc (Kaldi's reordered form)."""
    f = fst.VectorFst()

    def arc(source: int, i: int, o: int, cost: float, target: int) -> None:
        f.add_arc(source, fst.Arc(i, o, fst.Weight("tropical", cost), target))

    def loop(state: int, phone: str) -> None:
        arc(state, 2 * phone_id[phone] - 1, 0, 0, state)

    start, root, silence = f.add_state(), f.add_state(), f.add_state()
    f.set_start(start)
    f.set_final(root, fst.Weight("tropical", 0))
    arc(start, 0, 0, 0.7, root)
    arc(start, 2 * phone_id["SIL"], 0, 0.7, silence)
    loop(silence, "SIL")
    arc(silence, 0, 0, 0, root)
    ends: dict[str, int] = {}

    def end_state(phone: str) -> int:  # the last phone of a word: self-loop, then perhaps silence
        if phone not in ends:
            s = ends[phone] = f.add_state()
            loop(s, phone)
            arc(s, 0, 0, 0.35, root)
            arc(s, 2 * phone_id["SIL"], 0, 1.2, silence)
        return ends[phone]

    entries = [(positions(p), w, c) for w, ps in lex.items() for p, c in ps]
    below = collections.defaultdict(set)  # prefix -> words below it
    for p, w, _ in entries:
        for k in range(len(p) + 1):
            below[tuple(p[:k])].add(w)
    nodes = {(): root}
    for p, w, cost in entries:
        for k in range(1, len(p) + 1):
            prefix, parent = tuple(p[:k]), tuple(p[: k - 1])
            # The word's label sits where it is first certain: then partial results come early.
            certain = len(below[prefix]) == 1 and (k == 1 or len(below[parent]) > 1)
            last = k == len(p)
            out = word_id[w] if certain or (last and len(below[prefix]) > 1) else 0
            if last:
                arc(nodes[parent], 2 * phone_id[p[-1]], out, cost, end_state(p[-1]))
            elif prefix not in nodes:
                nodes[prefix] = f.add_state()
                arc(nodes[parent], 2 * phone_id[p[k - 1]], out, 0, nodes[prefix])
                loop(nodes[prefix], p[k - 1])
    _unknown(f, arc, loop, root, end_state, phone_id, word_id, phones)
    f.connect()
    f.arcsort("olabel")
    return f


def _unknown(f, arc, loop, root, end_state, phone_id, word_id, phones) -> None:
    """``[unk]``: any two or more phones behind an entry cost, so that a runtime grammar can name it."""
    enter, hub = f.add_state(), f.add_state()
    arc(root, 0, word_id[UNK], UNK_ENTER, enter)
    for p in phones:
        if p == "SIL":
            continue
        first, inner = f.add_state(), f.add_state()
        arc(enter, 2 * phone_id[p + "_B"], 0, UNK_PHONE, first)
        loop(first, p + "_B")
        arc(first, 0, 0, 0, hub)
        arc(hub, 2 * phone_id[p + "_I"], 0, UNK_PHONE, inner)
        loop(inner, p + "_I")
        arc(inner, 0, 0, 0, hub)
        arc(hub, 2 * phone_id[p + "_E"], 0, UNK_PHONE, end_state(p + "_E"))


def trigram(
    word_id: dict[str, int],
    sentences: int = 60_000,
    discount: float = 0.35,
    unk: float = 2e-3,
    least: int = 4,
) -> fst.VectorFst:
    """Back-off trigram of random sentences; the unigram is flattened: any word may follow any word.

    A state is the words before: none, one, or two (two only if seen ``least`` times). Each level gives ``discount`` of
    its probability to the next shorter one, reached by an epsilon arc.
    """
    r = random.Random(11)
    after: dict[tuple[str, ...], collections.Counter] = collections.defaultdict(collections.Counter)
    single: collections.Counter = collections.Counter()
    for _ in range(sentences):
        s = ["<s>", *vocab.sentence(r).split(), "</s>"]
        for i in range(1, len(s)):
            after[(s[i - 1],)][s[i]] += 1
            if i > 1:
                after[(s[i - 2], s[i - 1])][s[i]] += 1
        single.update(s[1:])
    flat = {w: k**0.5 for w, k in single.items()}
    z = sum(flat.values())
    unigram = {w: k / z * (1 - unk) for w, k in flat.items()} | {UNK: unk}
    f = fst.VectorFst()

    def weight(p: float) -> fst.Weight:
        return fst.Weight("tropical", float(-np.log(p) * LM_SCALE))

    state = {
        h: f.add_state() for h in [(), *(h for h, c in after.items() if len(h) == 1 or c.total() >= least)]
    }
    f.set_start(state[("<s>",)])

    def leave(history: tuple[str, ...], word: str, p: float) -> None:
        if word == "</s>":
            f.set_final(state[history], weight(p))
            return
        longest = (*history, word)[-2:]
        target = next(state[longest[k:]] for k in range(3) if longest[k:] in state)
        f.add_arc(state[history], fst.Arc(word_id[word], word_id[word], weight(p), target))

    for w, p in unigram.items():
        leave((), w, p)
    for history, here in state.items():
        if history:
            total = after[history].total()
            for w, k in after[history].items():
                leave(history, w, k / total * (1 - discount))
            f.add_arc(here, fst.Arc(0, 0, weight(discount), state[history[1:]]))
    f.arcsort("ilabel")
    return f
