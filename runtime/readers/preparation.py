"""What is done to raw data before a model takes it: a small TOML, kept in the `.snnc`."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from snnc.ir.errors import BadInputFile, WrongUsage
from snnc.ir.registry import did_you_mean

MOST_VALUES = 1 << 27
"""Of one sample, a gigabyte of 64 bits each: a line of a TOML must not fill the memory."""
_INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos", "box")
_FRAMINGS = ("time-bins", "fixed-count", "voxel-grid", "raw")
_POLARITIES = ("channels", "merged", "signed")


@dataclass(frozen=True, kw_only=True)
class ImagePreparation:
    """`[image]`: in this order, each step only where it is named.

    Attributes:
        mode: `RGB` or `L` (grey).
        resize: the shorter side in pixels, or [height, width].
        interpolation: of `resize`.
        crop: side or [height, width] cut from the middle.
        scale: that pixels 0..255 are multiplied by.
        mean, std: by channel, after `scale`: (x - mean) / std.
        layout: `CHW` or `HWC`.
    """

    mode: str = "RGB"
    resize: int | list[int] | None = None
    interpolation: str = "bilinear"
    crop: int | list[int] | None = None
    scale: float | None = None
    mean: list[float] | None = None
    std: list[float] | None = None
    layout: str = "CHW"

    def __post_init__(self) -> None:
        _choice("[image] mode", self.mode, ("RGB", "L"))
        _choice("[image] interpolation", self.interpolation, _INTERPOLATIONS)
        _choice("[image] layout", self.layout, ("CHW", "HWC"))
        for name in ("resize", "crop"):
            _sides(f"[image] {name}", getattr(self, name))


@dataclass(frozen=True, kw_only=True)
class EventPreparation:
    """`[events]`: how a recording becomes the frames of one sample.

    Attributes:
        sensor: [height, width] of the camera; [1, n] for n audio channels.
        framing: `time-bins`: counts in `frames` equal spans of the recording, or of `window_us`
            each; `fixed-count`: `count` events in each of `frames`; `voxel-grid`: signed and
            bilinear in time over `frames` bins; `raw`: one event in each of `frames`.
        frames: T.
        window_us: microseconds of a frame of `time-bins`; None: the recording's length / `frames`.
        count: events of a frame of `fixed-count`.
        polarity: `channels` (0 off, 1 on), `merged` or `signed`.
        size: [height, width] that coordinates are scaled down to.
        mirror: `x`, `y` or `xy`: columns or rows from the other side.
        clip: largest count of a pixel in a frame.
        chip: of AEDAT 2 files that do not say it: `dvs128` or `davis`.
    """

    sensor: list[int]
    framing: str = "time-bins"
    frames: int = 1
    window_us: int | None = None
    count: int | None = None
    polarity: str = "channels"
    size: list[int] | None = None
    mirror: str | None = None
    clip: int | None = None
    chip: str | None = None

    def __post_init__(self) -> None:
        _choice("[events] framing", self.framing, _FRAMINGS)
        _choice("[events] polarity", self.polarity, _POLARITIES)
        _sides("[events] sensor", self.sensor)
        _sides("[events] size", self.size)
        for name in ("frames", "window_us", "count", "clip"):
            _positive(f"[events] {name}", getattr(self, name))
        height, width = (*self.sensor, self.sensor[0])[:2]
        _bounded("[events] sensor", 2 * height * width)
        rows, columns = (height, width) if self.size is None else (*self.size, self.size[0])[:2]
        _bounded("[events] frames x pixels", self.frames * 2 * rows * columns)
        if self.framing == "fixed-count" and self.count is None:
            raise WrongUsage("framing `fixed-count` needs `count`", where="[events]")
        if self.mirror is not None:
            _choice("[events] mirror", self.mirror, ("x", "y", "xy"))
        if self.chip is not None:
            _choice("[events] chip", self.chip, ("dvs128", "davis"))


@dataclass(frozen=True, kw_only=True)
class AudioPreparation:
    """`[audio]`: of WAV files.

    Attributes:
        rate: samples a second that files must have; nothing is resampled.
        length: samples that each recording is cut or padded with zeros to.
        scale: `unit` (-1 to 1, float32), `peak` (the largest is 1) or `integer` (as in the file).
        features: `samples`, `log-mel` or `mfcc`: see `snnc.runtime.readers.spectra`.
        frame, hop: samples of a frame of these, and from one to the next.
        mels: filters.
        low_hz, high_hz: where the first begins and the last ends; without: half the rate.
        coefficients: of `mfcc`, the first of as many as there are filters.
        layout: axes of features: channels, time, frequency in the order `CTF`, `CFT` or `TFC`.
    """

    rate: int
    length: int
    scale: str = "unit"
    features: str = "samples"
    frame: int | None = None
    hop: int | None = None
    mels: int = 40
    low_hz: float = 20.0
    high_hz: float | None = None
    coefficients: int = 10
    layout: str = "CTF"

    def __post_init__(self) -> None:
        _choice("[audio] scale", self.scale, ("unit", "peak", "integer"))
        _choice("[audio] features", self.features, ("samples", "log-mel", "mfcc"))
        _choice("[audio] layout", self.layout, ("CTF", "CFT", "TFC"))
        for name in ("rate", "length", "frame", "hop", "mels", "coefficients"):
            _positive(f"[audio] {name}", getattr(self, name))
        _bounded("[audio] length", self.length)
        if self.features != "samples":
            self._check_features()

    @property
    def fft_size(self) -> int:
        """The power of two that holds a frame."""
        assert self.frame is not None
        return 1 << (self.frame - 1).bit_length()

    @property
    def band(self) -> tuple[float, float]:
        """Of the filters, in hertz."""
        return self.low_hz, self.rate / 2 if self.high_hz is None else self.high_hz

    def _check_features(self) -> None:
        if self.frame is None or self.hop is None:
            raise WrongUsage(f"features `{self.features}` need `frame` and `hop`", where="[audio]")
        if self.frame > self.length:
            raise WrongUsage(f"a frame of {self.frame} in {self.length} samples", where="[audio]")
        low, high = self.band
        if not 0 <= low < high <= self.rate / 2:
            raise WrongUsage(
                f"filters from {low} to {high} Hz, the spectrum ends at {self.rate / 2}",
                where="[audio]",
            )
        if self.features == "mfcc" and self.coefficients > self.mels:
            raise WrongUsage(
                f"{self.coefficients} coefficients of {self.mels} filters", where="[audio]"
            )
        n_frames = 1 + (self.length - self.frame) // self.hop
        _bounded("[audio] frames x frequencies", n_frames * max(self.fft_size, self.mels))
        _bounded("[audio] filters x frequencies", self.mels * self.fft_size)


@dataclass(frozen=True, kw_only=True)
class TextPreparation:
    """`[text]`: lines become token numbers.

    Attributes:
        tokenizer: a `tokenizer.json`; its content is kept in the `.snnc`.
        length: tokens that each text is cut or padded to.
    """

    tokenizer: str
    length: int

    def __post_init__(self) -> None:
        _positive("[text] length", self.length)
        _bounded("[text] length", self.length)


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """All of it; None for what a model's data does not need."""

    image: ImagePreparation | None = field(default=None)
    events: EventPreparation | None = field(default=None)
    audio: AudioPreparation | None = field(default=None)
    text: TextPreparation | None = field(default=None)

    def to_json(self) -> dict[str, Any]:
        """Plain values by table, without what is not there."""
        return {
            name: {k: v for k, v in vars(part).items() if v is not None}
            for name, part in vars(self).items()
            if part is not None
        }

    @classmethod
    def from_json(cls, tables: Mapping[str, Any] | None, where: str | None = None) -> Preparation:
        """Read `to_json`, or a TOML's tables.

        Raises:
            WrongUsage: a table or key that there is none of, or a value that is none.
        """
        kinds = {
            "image": ImagePreparation,
            "events": EventPreparation,
            "audio": AudioPreparation,
            "text": TextPreparation,
        }
        parts: dict[str, Any] = {}
        for name, values in (tables or {}).items():
            if name not in kinds or not isinstance(values, Mapping):
                hint = did_you_mean(name, list(kinds))
                raise WrongUsage(f"there is no table `[{name}]`{hint}", where=where)
            parts[name] = _read(kinds[name], name, values, where)
        return cls(**parts)


def as_preparation(given: Preparation | str | os.PathLike[str] | None) -> Preparation | None:
    """What `prepare` of `snnc.convert` and `snnc.quantize` may be: itself, or read from a TOML."""
    return given if isinstance(given, Preparation | None) else load_preparation(given)


def load_preparation(path: str | os.PathLike[str]) -> Preparation:
    """Read a TOML; a tokenizer that it names is read, too, from the folder of the TOML.

    Raises:
        BadInputFile: it is not there, or no TOML.
        WrongUsage: it says what cannot be.
    """
    place = Path(path)
    try:
        tables = tomllib.loads(place.read_text(encoding="utf-8"))
        text = tables.get("text")
        if isinstance(text, dict) and isinstance(text.get("tokenizer"), str):
            tokenizer = place.parent / text["tokenizer"]
            text["tokenizer"] = tokenizer.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInputFile(
            f"cannot be read: {error.strerror}", where=str(error.filename or place)
        ) from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadInputFile(f"no TOML: {error}", where=str(place)) from error
    return Preparation.from_json(tables, str(place))


_Part = TypeVar("_Part")


def _read(kind: type[_Part], name: str, values: Mapping[str, Any], where: str | None) -> _Part:
    known = {f.name: f for f in fields(kind)}  # type: ignore[arg-type]
    hints = get_type_hints(kind)
    for key, value in values.items():
        if key not in known:
            raise WrongUsage(
                f"[{name}] has no `{key}`{did_you_mean(key, list(known))}", where=where
            )
        if not _is(value, hints[key]):
            raise WrongUsage(f"[{name}] {key} cannot be {value!r}", where=where)
    try:
        return kind(**values)
    except TypeError as error:
        raise WrongUsage(f"[{name}]: {error}".replace("__init__() ", ""), where=where) from error


def _is(value: object, hint: Any) -> bool:
    """Is a TOML value of a field's type? (A whole number is a float, a truth value no number.)"""
    if isinstance(hint, UnionType):
        return any(_is(value, kind) for kind in get_args(hint))
    if get_origin(hint) is list:
        return isinstance(value, list) and all(_is(v, get_args(hint)[0]) for v in value)
    if isinstance(value, bool):
        return False
    return isinstance(value, int | float if hint is float else hint)


def _choice(what: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise WrongUsage(f"{what} `{value}`: there is {', '.join(known)}")


def _sides(what: str, value: int | list[int] | None) -> None:
    sides = value if isinstance(value, list) else [value]
    if len(sides) not in (1, 2) or any(s is not None and s < 1 for s in sides):
        raise WrongUsage(f"{what} {value}: one number or [height, width]")


def _bounded(what: str, n: int) -> None:
    if n > MOST_VALUES:
        raise WrongUsage(f"{what}: {n} values are more than a sample may have, {MOST_VALUES}")


def _positive(what: str, value: int | None) -> None:
    if value is not None and value < 1:
        raise WrongUsage(f"{what} is {value}, at least 1 is needed")
