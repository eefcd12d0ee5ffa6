"""Write a libvosk model folder (Kaldi nnet3 and lookahead graphs) from train.py's output.

export.py MODEL.pt TRAIN.pkl OUT_DIR      (needs fstconvert with the lookahead plugin: Debian's libfst-tools)
"""

from __future__ import annotations

import argparse
import glob
import os
import pickle
import subprocess
import tempfile
from pathlib import Path

import torch
from graph import UNK, hcl, lexicon, trigram
from kaldi import nnet, transition_model

MFCC_CONF = """--sample-frequency=16000
--use-energy=false
--num-mel-bins=40
--num-ceps=40
--low-freq=20
--high-freq=-400
--dither=0.0
"""
# libvosk takes a frame for 0.03 s whatever frame-subsampling-factor says; phone 1 is silence, for its endpointer.
MODEL_CONF = """--min-active=200
--max-active=3000
--beam=11.0
--lattice-beam=4.0
--acoustic-scale=0.7
--frame-subsampling-factor=3
--endpoint.silence-phones=1
--endpoint.rule2.min-trailing-silence=0.5
--endpoint.rule3.min-trailing-silence=0.75
--endpoint.rule4.min-trailing-silence=1.0
"""


def fst_tool(command: str) -> None:
    # Debian keeps the plugins of other FST types off the loader's path; kaldifst and pynini cannot write this type.
    plugins = ":".join(glob.glob("/usr/lib/*/fst/*/"))
    subprocess.run(command, shell=True, check=True, env={**os.environ, "LD_LIBRARY_PATH": plugins})


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="what train.py wrote")
    parser.add_argument("data", help="the training utterances, for the pronunciations")
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    checkpoint = torch.load(args.model, weights_only=False)
    with open(args.data, "rb") as file:
        lex = lexicon(pickle.load(file), checkpoint["phones"])
    phone_id, pdf_of, bound = {"SIL": 1}, {1: 0}, ["1 nonword"]
    for pdf, phone in enumerate(checkpoint["phones"]):
        if phone == "SIL":
            continue
        for suffix, kind in (("B", "begin"), ("E", "end"), ("I", "internal"), ("S", "singleton")):
            n = len(phone_id) + 1
            phone_id[f"{phone}_{suffix}"], pdf_of[n] = n, pdf
            bound.append(f"{n} {kind}")
    word_id = {w: i for i, w in enumerate(["<eps>", *sorted(lex), UNK])}
    out = args.out
    for folder in ("am", "conf", "graph/phones"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    (out / "am/final.mdl").write_bytes(b"\0B" + transition_model(len(phone_id), pdf_of) + nnet(checkpoint))
    with tempfile.TemporaryDirectory() as tmp:
        hcl(lex, phone_id, word_id, checkpoint["phones"]).write(f"{tmp}/HCL.fst")
        trigram(word_id).write(f"{tmp}/G.fst")
        fst_tool(
            f"fstconvert --fst_type=olabel_lookahead --save_relabel_opairs={tmp}/relabel {tmp}/HCL.fst"
            f" '{out}/graph/HCLr.fst'"
        )
        fst_tool(
            f"fstrelabel --relabel_ipairs={tmp}/relabel --relabel_opairs={tmp}/relabel {tmp}/G.fst"
            f" | fstarcsort --sort_type=ilabel | fstconvert --fst_type=const > '{out}/graph/Gr.fst'"
        )
        pairs = Path(f"{tmp}/relabel").read_text().splitlines()
    relabel = {int(a): int(b) for a, b in (line.split() for line in pairs)}
    symbols = sorted(((relabel.get(i, i), w) for w, i in word_id.items()))
    (out / "graph/words.txt").write_text("".join(f"{w} {i}\n" for i, w in symbols))
    (out / "graph/disambig_tid.int").write_text(
        f"{2 * len(phone_id) + 1}\n"
    )  # unused: no disambiguation symbols
    (out / "graph/phones/word_boundary.int").write_text("\n".join(bound) + "\n")
    (out / "conf/mfcc.conf").write_text(MFCC_CONF)
    (out / "conf/model.conf").write_text(MODEL_CONF)
    size = sum(f.stat().st_size for f in out.rglob("*") if f.is_file())
    print(
        f"{len(lex)} words, {sum(map(len, lex.values()))} pronunciations, {len(phone_id)} phones, {size / 1e6:.2f} MB"
    )


if __name__ == "__main__":
    main()
