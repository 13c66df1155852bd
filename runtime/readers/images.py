"""Images: files by Pillow, and what `[image]` does to them and to arrays of pixels."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from snnc.ir.arrays import Array
from snnc.ir.errors import DataError, MissingExtra
from snnc.runtime.readers.preparation import ImagePreparation, Preparation

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm")
_ONE_AND_PREVIEWS = ("MPO",)
"""Formats of Pillow whose further images are views of the first: a camera's JPEG."""
_MOST_PIXELS = 1 << 26
"""Of an image, and of one that is resized: a line of pixels must not fill the memory."""


def read(path: Path, preparation: Preparation) -> Array:
    """Read and prepare an image file; without `[image]`: RGB, uint8, (3, H, W)."""
    pil = _pillow(str(path))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow at metadata; pixels are refused or right
            with pil.open(path) as image:
                return prepare(image, preparation.image or ImagePreparation())
    except pil.DecompressionBombError as error:
        raise DataError(f"too large: {error}") from error


def decoded(data: bytes, mode: str | None) -> Any:
    """An image of Pillow, turned as its camera says and of a mode, as `datasets` decodes it."""
    pil = _pillow(None)
    from PIL import ExifTags, ImageOps

    image = pil.open(io.BytesIO(data))
    image.load()
    if image.getexif().get(ExifTags.Base.Orientation) is not None:
        image = ImageOps.exif_transpose(image)
    return image.convert(mode) if mode and mode != image.mode else image


def of_pixels(pixels: Array, how: ImagePreparation) -> Array:
    """Prepare uint8 pixels (H, W) or (H, W, C)."""
    grey = pixels.ndim == 3 and pixels.shape[2] == 1
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] not in (1, 3, 4)):
        raise DataError(f"pixels have shape {pixels.shape}, not (H, W) or (H, W, 1, 3 or 4)")
    return prepare(_pillow(None).fromarray(pixels[:, :, 0] if grey else pixels), how)


def prepare(image: Any, how: ImagePreparation) -> Array:
    """What `[image]` says, step by step: mode, resize, crop, scale, mean and std, layout."""
    pil = _pillow(None)
    if image.mode in ("I", "F") or image.mode.startswith("I;"):
        raise DataError(
            f"its pixels ({image.mode}) have more than 8 bits",
            hint="give such data as an array (.npz)",
        )
    if getattr(image, "is_animated", False) and image.format not in _ONE_AND_PREVIEWS:
        raise DataError(
            f"it holds {image.n_frames} images", hint="save the one that is meant as a file"
        )
    if image.width * image.height > _MOST_PIXELS:
        raise DataError(f"it has {image.height} x {image.width} pixels")
    image = image.convert(how.mode)
    if how.resize is not None:
        width, height = _resized(image.size, how.resize)
        if width * height > _MOST_PIXELS:
            raise DataError(f"resized it would have {height} x {width} pixels")
        method = getattr(pil.Resampling, how.interpolation.upper())
        image = image.resize((width, height), method)
    if how.crop is not None:
        image = image.crop(_middle(image.size, how.crop))
    pixels = np.asarray(image, dtype=np.uint8)
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    x = _normalised(pixels, how)
    return np.ascontiguousarray(x if how.layout == "HWC" else np.moveaxis(x, 2, 0))


def _normalised(x: Array, how: ImagePreparation) -> Array:
    """float32 where there is arithmetic, in the order in which torchvision does it."""
    if how.scale is None and how.mean is None and how.std is None:
        return x
    found = x.astype(np.float32)
    if how.scale is not None:
        found = found * np.float32(how.scale)
    for values, combine in ((how.mean, np.subtract), (how.std, np.divide)):
        if values is None:
            continue
        if len(values) not in (1, x.shape[2]):
            raise DataError(f"[image] has {len(values)} means or stds for {x.shape[2]} channels")
        found = combine(found, np.asarray(values, np.float32))
    return found


def _resized(size: tuple[int, int], wanted: int | list[int]) -> tuple[int, int]:
    """Width and height: of the shorter side, the longer in proportion, rounded down."""
    if isinstance(wanted, list):
        height, width = wanted if len(wanted) == 2 else (wanted[0], wanted[0])
        return width, height
    width, height = size
    short = min(width, height)
    return width * wanted // short, height * wanted // short


def _middle(size: tuple[int, int], wanted: int | list[int]) -> tuple[int, int, int, int]:
    sides = wanted if isinstance(wanted, list) else [wanted]
    height, width = sides if len(sides) == 2 else (sides[0], sides[0])
    if width > size[0] or height > size[1]:
        raise DataError(f"an image of {size[1]} x {size[0]} has no crop of {height} x {width}")
    left, top = round((size[0] - width) / 2), round((size[1] - height) / 2)
    return left, top, left + width, top + height


def _pillow(where: str | None) -> Any:
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingExtra(
            "images need Pillow", where=where, hint="pip install 'snnc[images]'"
        ) from error
    return Image
