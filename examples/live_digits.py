"""A spoken digit is recognised while it is spoken: chunks of sound in, class probabilities out, the state carried.

Each chunk becomes the frames whose windows are now complete (`MelStream`); the recurrence takes them from the state in
which the chunk before left it (`recorrente.Stateful`), so that nothing is read twice. What is said after the last chunk
is what one call on the whole sound says; the program checks it, and tells the largest difference.

The network must read one way, for what comes later is not there yet:

    pip install 'recorrente[audio]'
    recorrente train fsdd --one-way --out runs/live
    python examples/live_digits.py runs/live digit.wav

From a microphone, as 16-bit samples at the rate that the model was trained with; Ctrl-D or Ctrl-C ends it:

    arecord -q -t raw -f S16_LE -r 8000 | python examples/live_digits.py runs/live -
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray

import recorrente
from recorrente.data import sound
from recorrente.data.mel import MelStream
from recorrente.errors import InputError
from recorrente.recipe import Trained

Wave = NDArray[np.float32]
BAR, BYTES = 30, 2  # characters of a bar; of a sample


class Listener:
    """A trained model that hears a sound in chunks.

    Raises:
        InputError: a model of something else, or one that reads both ways.
    """

    def __init__(self, trained: Trained) -> None:
        if trained.recipe.kind != "audio":
            raise InputError("run", came=f"a model of the kind {trained.recipe.kind}", wanted="one of sounds")
        if trained.recipe.shape.bidirectional:
            cure = "recorrente train fsdd --one-way"
            raise InputError("run", came="a model that reads both ways", wanted="one that reads forward", cure=cure)
        self.classes = trained.recipe.classes
        self.head = trained.network.head
        self.recurrence = recorrente.Stateful(trained.network.recurrence)
        self.frames = MelStream(trained.recipe.reader)
        self.probabilities = np.full(len(self.classes), 1 / len(self.classes), np.float32)  # nothing was heard yet

    def hear(self, chunk: Wave) -> NDArray[np.float32]:
        """The probability of each class, `(K,)`, if the sound ended with this chunk's last complete frame."""
        return self._read(self.frames(chunk))

    def end(self) -> NDArray[np.float32]:
        """The same after the last frames, which wait for what follows them."""
        return self._read(self.frames.end())

    @torch.inference_mode()
    def _read(self, frames: Wave) -> NDArray[np.float32]:
        if len(frames):
            h = self.recurrence(torch.from_numpy(frames).unsqueeze(1))  # (T, 1, H)
            self.probabilities = self.head(h[-1, 0]).softmax(-1).numpy()
        return self.probabilities


def cut(wave: Wave, samples: int) -> Iterator[Wave]:
    """A sound in chunks of so many samples."""
    yield from (wave[start : start + samples] for start in range(0, len(wave), samples))


def spoken(stream: BinaryIO, samples: int) -> Iterator[Wave]:
    """Chunks of 16-bit samples, as they come."""
    while piece := stream.read(BYTES * samples):
        yield np.frombuffer(piece[: len(piece) // BYTES * BYTES], "<i2").astype(np.float32) / 32768


def show(listener: Listener, chunks: Iterable[Wave], rate: int) -> Wave:
    """Prints the likeliest class after each chunk; the whole sound."""
    heard: list[Wave] = []
    for chunk in chunks:
        heard.append(chunk)
        tell(listener, listener.hear(chunk), sum(map(len, heard)) / rate)
    tell(listener, listener.end(), sum(map(len, heard)) / rate)
    return np.concatenate(heard) if heard else np.zeros(0, np.float32)


def tell(listener: Listener, probabilities: NDArray[np.float32], seconds: float) -> None:
    """A line: when, a bar, and the three likeliest classes."""
    best = np.argsort(-probabilities)[:3]
    bar = "█" * round(float(BAR * probabilities[best[0]]))
    named = "  ".join(f"{listener.classes[k]} {probabilities[k]:.3f}" for k in best)
    print(f"{seconds:6.2f} s  {bar:{BAR}}  {named}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="the run folder of a model of sounds that reads one way")
    parser.add_argument("file", help="a sound, or - for 16-bit samples from standard input")
    parser.add_argument("--chunk", type=float, default=0.05, help="seconds of a chunk")
    given = parser.parse_args()
    trained = recorrente.load(given.run)
    listener, rate = Listener(trained), trained.recipe.reader.rate
    samples = max(1, round(given.chunk * rate))
    if given.file == "-":
        show(listener, spoken(sys.stdin.buffer, samples), rate)
        return
    show(listener, cut(sound.decode(Path(given.file), rate), samples), rate)
    whole = trained.predict([given.file])[0]
    said = np.array([whole.probabilities[name] for name in listener.classes])
    print(f"the whole at once says {whole.label}; largest difference {np.abs(said - listener.probabilities).max():.1e}")


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        raise SystemExit(str(error)) from None
    except KeyboardInterrupt:
        print()
