"""Random texts against the whole way from text to counts: only our own errors escape, and no text takes a second.

    python tests/fuzz/fuzz_text.py --inputs 1000000 --jobs 2

Half of the texts are made of the vocabulary (examples of words, joined, wrapped and bent), half are bytes of good
texts changed at random. Every text that parses must also survive the formatter and the way back from its tree; of a
space, the first arms are taken. The same seed gives the same texts.
"""

from __future__ import annotations

import argparse
import gc
import json
import multiprocessing
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPO))

from archdsl.api import whole  # noqa: E402
from archdsl.errors import ArchError, Source, SpecError  # noqa: E402
from archdsl.expand.holes import arms  # noqa: E402
from archdsl.files import specs  # noqa: E402
from archdsl.registry import entries  # noqa: E402
from archdsl.syntax.format import format  # noqa: E402
from archdsl.syntax.parse import parse  # noqa: E402
from archdsl.syntax.read import decode  # noqa: E402
from archdsl.syntax.unparse import unparse  # noqa: E402

MOST_SECONDS = 1.0
LOOP_SECONDS = 0.03  # of `_loop` on the machine to which that applies; a slower one, or a busy one, may take longer
ARMS = 3
NUMBERS = (
    "0",
    "1",
    "2",
    "3",
    "7",
    "8",
    "16",
    "64",
    "999999999",
    "1234567890",
    "-1",
    "0.5",
    "1e-3",
    "1e999",
    "nan",
    "inf",
    "-0.0",
    "10%",
    "100%",
    "3x3",
    "1x7",
    "64x2",
    "3x32x32",
    "[1,2]",
    "cin",
    "cin//2",
    "classes",
    "late",
    "true",
    '"x"',
    "{1|2}",
    "{1..4}",
    "{8..64 log}",
)
BITS = (
    *"()[]{}|,=+-*/^@:#%x", "//", '"', "..", "\\\n", "\n", "\r\n", "\t", " ", "$(x)", ";rm", "__import__", "../../x",
    "\0", "\ufeff", "\u0663", "\uff41", "é", "let ", "net ", "data ", "train ", "input ", "classes ", "include ",
    "as x ", "@x ", "*1000", "*0", "^4", "+bn", "-bn", " +res", "{a: | }",
)  # fmt: skip
WRAPS = (
    "({})",
    "({})*{n}",
    "cat({} | {o})",
    "add({} | id)",
    "res({})",
    "l: ({})",
    "({}) as x",
    "({}) {m}",
    "{{{} | {o}}}",
    "{{n: {} | }}",
    "add({} | shortcut)",
    "mul({} | {o})",
    "ode({})",
    "({}) @x",
    "({}) {m} {k}",
)


def corpus() -> list[str]:
    """Good texts: the examples of all words, the shipped specs, and sentences with every piece of syntax."""
    found = []
    for entry in entries():
        head = f"net conv(8)\n{entry.kind} " if entry.kind in ("data", "train") else ""
        found += [head + example for example in entry.examples]
    found += [p.read_text("utf-8") for p in specs()]
    found += [
        "let f(c, s=1) = conv(c, 3, s=s) bn relu\nnet stem: f(16) (f(8) as x cat(f(8) | id | f(4) @x))*2 drop(30%)",
        "vgg[{16..256 log}x2] drop({0..50% uniform})\ntrain adam({lr: 1e-4..1e-1 log}) wd({lr: 1e-4..1e-1 log})",
        "vgg[64x{1..3}^{1..4}] {norm: +bn | +ln | +gn(8) | } {+res | }",
        "data fashion-mini valid(10%) flip\ntrain adam(1e-3) epochs(3) batch(128) cosine\nnet vgg[8x1, 16x2] +bn",
    ]
    return found


class Maker:
    """Texts from a seed."""

    def __init__(self, seed: int, good: list[str]) -> None:
        self.random = random.Random(seed)
        self.good = good
        self.nets = [g for g in good if "\n" not in g and len(g) < 200]
        self.modifiers = [e.name for e in entries("modifier")]

    def text(self) -> str:
        """A text, made or bent."""
        return self.made() if self.random.random() < 0.5 else self.bent(self.random.choice(self.good))

    def made(self) -> str:
        r = self.random
        net = self.net(r.randrange(4))
        parts = [f"let {n} = {self.net(0)}" for n in ("a", "b", "c")[: r.randrange(3)]]
        if r.random() < 0.2:
            parts.append(f"let g(c, k=3) = {self.net(1)}")
            net += r.choice((" g(8)", " g(c=4)", " g", " g(8, k=5)", " g(1, 2, 3)"))
        if r.random() < 0.5:
            net = net.replace(" relu", " " + r.choice(("a", "b", "c", "relu")), 1)
        parts.append(("net " if r.random() < 0.5 else "") + net)
        if r.random() < 0.3:
            parts.append(f"input {r.choice(('3x32x32', '1x28x28', '3x8x8', '64', '0x3x3', '3x999999x999999'))}")
        text = "\n".join(parts)
        return text if r.random() < 0.7 else self.bent(text)

    def net(self, depth: int) -> str:
        r = self.random
        items = [self.term(depth) for _ in range(r.randrange(1, 4))]
        return " ".join(items)

    def term(self, depth: int) -> str:
        r = self.random
        text = r.choice(self.nets)
        if depth > 0 and r.random() < 0.6:
            inner, other = self.net(depth - 1), self.net(0)
            mods = [r.choice("+-") + r.choice(self.modifiers) for _ in range(2)]
            text = r.choice(WRAPS).format(inner, n=r.choice(NUMBERS), o=other, m=mods[0], k=mods[1])
        if r.random() < 0.3:
            text = text.replace(r.choice("0123456789"), r.choice(NUMBERS), 1)
        return text

    def bent(self, text: str) -> str:
        r = self.random
        for _ in range(r.choice((1, 1, 1, 2, 3, 8))):
            at = r.randrange(len(text) + 1)
            end = min(len(text), at + r.choice((0, 1, 1, 2, 5, 20)))
            match r.randrange(6):
                case 0:
                    text = text[:at] + r.choice(BITS) + text[end:]
                case 1:
                    text = text[:at] + r.choice(NUMBERS) + text[at:]
                case 2:
                    text = text[:at] + text[end:]
                case 3:
                    text = text[:end] + text[at:end] * r.choice((1, 2, 50)) + text[end:]
                case 4:
                    text = text[:at] + chr(r.randrange(256)) + text[at + 1 :]
                case _:
                    other = r.choice(self.good)
                    cut = r.randrange(len(other) + 1)
                    text = text[:at] + other[cut : cut + r.choice((5, 40))] + text[at:]
        return text


@dataclass
class Tally:
    """What happened."""

    inputs: int = 0
    parsed: int = 0
    networks: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    slow: list[str] = field(default_factory=list)
    escaped: list[tuple[str, str]] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        self.inputs += other.inputs
        self.parsed += other.parsed
        self.networks += other.networks
        self.codes += other.codes
        self.slowest = max(self.slowest, other.slowest)
        self.slow += other.slow
        self.escaped += other.escaped


def try_text(text: str, tally: Tally) -> None:
    """One text; everything but our own errors is noted as escaped."""
    begun = time.process_time()  # other processes on the machine do not count
    try:
        source = Source("<fuzz>", decode(text.encode("utf-8", "surrogatepass"), "<fuzz>"))
        file = parse(source)
        tally.parsed += 1
        laid = format(source.text)
        assert format(laid) == laid, "the formatter is not idempotent"
        assert parse(laid) == file, "the formatter changes the meaning"
        assert parse(unparse(file)) == file, "the way back changes the meaning"
        for _, arm in islice(arms(file), ARMS):
            spec = whole(source, arm)
            assert len(spec.hash) == 16
            tally.networks += 1
    except SpecError as error:
        tally.codes.update({d.code for d in error.diagnostics})
        str(error)
    except ArchError as error:
        tally.codes[type(error).__name__] += 1
        str(error)
    except Exception as error:
        tally.escaped.append((f"{type(error).__name__}: {error}"[:300], text))
    tally.inputs += 1
    took = time.process_time() - begun
    tally.slowest = max(tally.slowest, took)
    if took > MOST_SECONDS and took > MOST_SECONDS * pace():
        tally.slow.append(text)


def pace() -> float:
    """How many times longer than a quick machine this one takes for the same loop, at this moment; at least 1."""
    return max(1.0, min(_loop() for _ in range(5)) / LOOP_SECONDS)


def _loop() -> float:
    begun, total = time.process_time(), 0
    for number in range(1_000_000):
        total += number * number
    return time.process_time() - begun


def fuzz(seed: int, inputs: int, longest: int = 0) -> Tally:
    """So many texts from a seed, none longer than ``longest`` characters if that is not 0."""
    tally, maker = Tally(), Maker(seed, corpus())
    while tally.inputs < inputs:
        text = maker.text()
        if not longest or len(text) <= longest:
            try_text(text, tally)
    return tally


def _chunk(job: tuple[int, int, int]) -> Tally:
    gc.freeze()  # the vocabulary is not garbage, and looking at it again and again takes a tenth of the time
    gc.set_threshold(50_000)
    return fuzz(*job)


def main() -> int:
    """Fuzz, and print what happened as JSON; 1 if something escaped or was slow."""
    parser = argparse.ArgumentParser(description="Random texts against the way from text to counts.")
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--longest", type=int, default=0, metavar="CHARACTERS", help="leave out longer texts")
    args = parser.parse_args()
    size = max(1, min(10_000, args.inputs // args.jobs))
    counts = [min(size, args.inputs - n * size) for n in range(-(-args.inputs // size))]
    jobs = [(args.seed * 10**6 + n, count, args.longest) for n, count in enumerate(counts)]
    total, begun = Tally(), time.time()
    with multiprocessing.get_context("spawn").Pool(args.jobs) as pool:
        for tally in pool.imap_unordered(_chunk, jobs):
            total.add(tally)
            sys.stderr.write(f"{total.inputs:,} inputs, {total.parsed:,} parsed, {len(total.escaped)} escaped\n")
    figures = {
        "inputs": total.inputs,
        "parsed": total.parsed,
        "networks": total.networks,
        "codes": dict(sorted(total.codes.items())),
        "slowest_seconds": round(total.slowest, 3),
        "slower_than_a_second": len(total.slow),
        "escaped": len(total.escaped),
        "minutes": round((time.time() - begun) / 60, 1),
        "seed": args.seed,
        "examples": total.escaped[:20],
        "slow": [t[:2000] for t in total.slow[:5]],
    }
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")
    return bool(total.escaped or total.slow)


if __name__ == "__main__":
    sys.exit(main())
