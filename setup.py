"""Refuses to build from a checkout whose links in src/snnc are broken.

Everything else stands in pyproject.toml. Git without symlink support writes the links as small
text files; setuptools would then build a wheel that lacks most of the package, without a word.
"""

from pathlib import Path

from setuptools import setup

FOLDERS = ("ir", "converter", "backends", "runtime", "cli")

package = Path(__file__).parent / "src" / "snnc"
broken = [name for name in FOLDERS if not (package / name / "__init__.py").is_file()]
if broken:
    raise SystemExit(
        f"snnc cannot be built: src/snnc/{{{','.join(broken)}}} should be symbolic links to the "
        "folders of the same name at the top level.\n"
        "hint: check out again with symbolic links on (git config core.symlinks true; git checkout "
        "-- src/snnc), or unpack the archive with a tool that keeps them"
    )

setup()
