"""Kim's convolutional network for sentences, as Lvchangze/snn trains it, described anew.

Words are looked up in a table; convolutions over 3, 4 and 5 words give 100 channels each; ReLU,
average over all positions, ReLU, and one linear layer without bias. Sentences are those of SST-2.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snnc.converter.sources.spiking.neuron import SpikingNeuron
from snnc.ir.arrays import Array
from snnc.runtime.data import DataSet
from tests.needs import data_file

WORDS = 25
"""Length of a sentence, cut or padded."""
PAD, UNKNOWN = 0, 1
WIDTHS = (3, 4, 5)
POOLED = 0.97
"""Threshold of the neurons behind the average."""


@dataclass(frozen=True)
class Sentences:
    """The real sentences as word numbers, int64 (N, WORDS), with their labels."""

    train: DataSet
    test: DataSet
    n_words: int


def sentences() -> Sentences:
    """SST-2, words of the training sentences numbered by how often they occur."""
    train, test = read("train"), read("test")
    often = Counter(word for text, _ in train for word in text)
    number = {word: i for i, (word, _) in enumerate(often.most_common(), start=UNKNOWN + 1)}
    return Sentences(
        numbered("sst2-train", train, number), numbered("sst2-test", test, number), len(number) + 2
    )


def read(part: str) -> list[tuple[list[str], int]]:
    lines = data_file(f"text/sst2_{part}.tsv").read_text(encoding="utf-8").splitlines()
    pairs = [line.rsplit("\t", 1) for line in lines]
    return [(text.split(), int(label)) for text, label in pairs]


def numbered(name: str, texts: list[tuple[list[str], int]], number: dict[str, int]) -> DataSet:
    x = np.full((len(texts), WORDS), PAD, dtype=np.int64)
    for row, (text, _) in zip(x, texts, strict=True):
        found = [number.get(word, UNKNOWN) for word in text[:WORDS]]
        row[: len(found)] = found
    return DataSet(name=name, x=x, y=np.array([label for _, label in texts]))


class TextCnn(nn.Module):
    """The tailored network: average in place of maximum, no biases, a ReLU behind the average."""

    def __init__(self, n_words: int, size: int = 50, channels: int = 100) -> None:
        super().__init__()
        self.words = nn.Embedding(n_words, size, padding_idx=PAD)
        self.convs = nn.ModuleList(
            nn.Conv2d(1, channels, (width, size), bias=False) for width in WIDTHS
        )
        self.drop = nn.Dropout(0.5)
        self.fc = nn.Linear(len(WIDTHS) * channels, 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        image = self.words(x).unsqueeze(1)
        maps = [F.relu(conv(image)).squeeze(3) for conv in self.convs]
        pooled = [F.relu(F.avg_pool1d(m, m.shape[2])).squeeze(2) for m in maps]
        scores: Tensor = self.fc(self.drop(torch.cat(pooled, 1)))
        return scores


def trained(data: Sentences, epochs: int = 6) -> TextCnn:
    """Trained from scratch, words and all, on the training sentences: seconds on one core."""
    torch.manual_seed(0)
    model = TextCnn(data.n_words)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    assert data.train.y is not None
    x, y = torch.from_numpy(data.train.x), torch.from_numpy(data.train.y)
    for _ in range(epochs):
        for chosen in torch.split(torch.randperm(len(x)), 64):
            loss = F.cross_entropy(model(x[chosen]), y[chosen])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return model.eval()


class Leaky(nn.Module):
    """v = v + x - threshold where the last frame fired;  s = v > threshold (no leak)."""

    def __init__(self, threshold: float = 1.0) -> None:
        super().__init__()
        self.threshold = threshold
        self.v: Tensor | None = None

    def reset(self) -> None:
        """Forget the membrane."""
        self.v = None

    def forward(self, x: Tensor) -> Tensor:
        """Spikes of one frame."""
        before = torch.zeros_like(x) if self.v is None else self.v
        self.v = before + x - (before > self.threshold).to(x.dtype) * self.threshold
        return (self.v > self.threshold).to(x.dtype)

    def snnc_neuron(self) -> SpikingNeuron:
        """What it computes."""
        threshold = np.array(self.threshold)
        return SpikingNeuron(threshold=threshold, reset="subtract", reset_before=True, strict=True)


class SpikingTextCnn(nn.Module):
    """The spiking network: one frame of spikes (1, 1, WORDS, size) gives one frame of spikes.

    Convolution, neurons, average over all positions, neurons, linear layer, neurons. The second
    ones sum 21sts, 22nds and 23rds, which reach the published threshold of 1 exactly: whether they
    are above it is then float32's rounding. Here it is POOLED, which no such sum reaches.

    As published one neuron module serves all three branches in turn, so that they share one
    membrane: `shared` is that; else each branch has its own.
    """

    def __init__(self, size: int, channels: int, *, shared: bool) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(1, channels, (width, size)) for width in WIDTHS)
        self.middle = nn.ModuleList(Leaky() for _ in WIDTHS)
        own = nn.ModuleList(Leaky(POOLED) for _ in WIDTHS)
        self.lif1 = Leaky(POOLED) if shared else own
        self.fc = nn.Linear(len(WIDTHS) * channels, 2)
        self.lif2 = Leaky()

    def forward(self, x: Tensor) -> Tensor:
        spikes = []
        for i, conv in enumerate(self.convs):
            pooled = self.middle[i](conv(x)).mean((2, 3))
            neuron = self.lif1 if isinstance(self.lif1, Leaky) else self.lif1[i]
            spikes.append(neuron(pooled))
        fired: Tensor = self.lif2(self.fc(torch.cat(spikes, 1)))
        return fired


def rates(vectors: Tensor, frames: int, seed: int = 0) -> Array:
    """Bernoulli spike trains (N, T, 1, WORDS, size) of word vectors (N, WORDS, size).

    Vectors within three standard deviations are mapped to probabilities 0 to 1.
    """
    p = ((vectors - vectors.mean()) / vectors.std()).clamp(-3, 3).add(3).div(6)
    drawn = torch.rand((frames, *p.shape), generator=torch.Generator().manual_seed(seed))
    return (drawn < p).to(torch.float32).transpose(0, 1).unsqueeze(2).numpy()
