"""One file for each family of operators; importing this registers all lowering rules."""

from snnc.converter.lower.operators import (  # noqa: F401
    elementwise,
    linear,
    pool,
    product,
    quantize,
    views,
)
