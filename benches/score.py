#!/usr/bin/env python3
"""Scores speech: PESQ-WB (ITU-T P.862.2) and STOI (Taal and others, IEEE TASLP 19, 2011).

    target/score/bin/python benches/score.py [FILE]

Reads one JSON object a line, from FILE or standard input, and answers each with one line at once:

    {"reference": "said.wav", "degraded": "heard.wav", "from": 0, "samples": 432000, "offset": 9600,
     "measures": ["pesq", "stoi"]}
    {"pesq": 3.42, "stoi": 0.951}

`from` and `samples` are a stretch of the reference, `offset` by how many samples it is later in what was heard. What
was heard counts as silent where it has not begun or has ended. Files are mono WAV of 48 kHz or 16 kHz and kept once
read, until `{"forget": true}`; both measures are taken at 16 kHz. The first line written names the scorers. What this
needs is installed by `.ci/setup bench`.
"""

import importlib.metadata
import json
import sys
import warnings

import numpy
import pesq
import pystoi
import scipy.io.wavfile
import scipy.signal

RATE = 16_000

# What PESQ-WB ends at below, by its own mapping (P.862.2, equation 1, as the raw score falls). It refuses to score
# silence: where nothing was heard, this is the score.
NOTHING_HEARD = 1.0

# The last files read, by name: a bench asks for many stretches of the same two.
files = {}


def read(name):
    if name not in files:
        while len(files) >= 2:
            files.pop(next(iter(files)))
        rate, sound = scipy.io.wavfile.read(name)
        if rate not in (RATE, 3 * RATE) or sound.ndim != 1:
            raise ValueError(f"{name} is not mono at 48 or 16 kHz")
        scale = 1.0 if sound.dtype.kind == "f" else float(numpy.iinfo(sound.dtype).max)
        files[name] = rate, sound.astype(numpy.float64) / scale
    return files[name]


def stretch(name, begin, samples):
    """So many samples from `begin` on, zero where there are none, at 16 kHz."""
    rate, sound = read(name)
    part = numpy.zeros(samples)
    first, last = max(begin, 0), min(begin + samples, len(sound))
    if first < last:
        part[first - begin : last - begin] = sound[first:last]
    return scipy.signal.resample_poly(part, RATE, rate) if rate != RATE else part


def score(asked):
    if asked.get("forget"):
        files.clear()
        return {}
    begin, samples = int(asked["from"]), int(asked["samples"])
    reference = stretch(asked["reference"], begin, samples)
    degraded = stretch(asked["degraded"], begin + int(asked["offset"]), samples)
    silent = not numpy.any(numpy.abs(degraded) > 1e-5)
    answer = {}
    if "pesq" in asked["measures"]:
        try:
            answer["pesq"] = NOTHING_HEARD if silent else float(pesq.pesq(RATE, reference, degraded, "wb"))
        except pesq.NoUtterancesError:
            answer["pesq"] = NOTHING_HEARD
    if "stoi" in asked["measures"]:
        answer["stoi"] = 0.0 if silent else float(pystoi.stoi(reference, degraded, RATE))
    return answer


def main():
    # pystoi warns of stretches too short for it and returns next to nothing, which says as much.
    warnings.simplefilter("ignore")
    version = importlib.metadata.version
    scorer = f"PESQ-WB (ITU-T P.862.2, pesq {version('pesq')}) and STOI (pystoi {version('pystoi')})"
    print(json.dumps({"scorer": scorer}), flush=True)
    lines = open(sys.argv[1], encoding="utf-8") if len(sys.argv) > 1 else sys.stdin
    for line in lines:
        if not line.strip():
            continue
        try:
            answer = score(json.loads(line))
        except (OSError, ValueError, KeyError, RuntimeError, pesq.PesqError) as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
