"""One file for each family of operators; importing this package registers all lowering rules.

A file that is put here is found by itself: it decorates functions with `lowers`.
"""

from importlib import import_module
from pkgutil import iter_modules

for _found in iter_modules(__path__, f"{__name__}."):
    import_module(_found.name)
