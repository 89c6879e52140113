"""`python -m tools.generate.package [FOLDER]` builds one zip per function, by default into build/packages.

Terraform makes the same zips by the same rule (terraform/packages.tf, docs/decisions/0020): a root main.py
that re-exports the entry point, the files of functions/, the function's folder there, shared/ and the
function's own requirements.txt.
"""

import sys
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from string import Template
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from shared.topology import FUNCTIONS
from tools.paths import ROOT

_ENTRY_POINT = ROOT / "terraform" / "package" / "main.py.tftpl"
_TIME = (2049, 1, 1, 0, 0, 0)
"""Any fixed time makes the same bytes; Terraform's archive provider takes this one."""
_FILE_MODE = 0o100644 << 16

Files = Mapping[str, bytes]
"""Path in the package to content."""


def files(name: str) -> Files:
    """What the package of a function holds, sorted by path."""
    found = [
        *(ROOT / "functions").glob("*.py"),
        *_modules(ROOT / "functions" / name),
        *_modules(ROOT / "shared"),
    ]
    contents = {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in found}
    contents["main.py"] = Template(_ENTRY_POINT.read_text()).substitute(name=name).encode()
    contents["requirements.txt"] = (ROOT / "functions" / name / "requirements.txt").read_bytes()
    return dict(sorted(contents.items()))


def _modules(folder: Path) -> list[Path]:
    return list(folder.rglob("*.py"))


def content_hash(contents: Files) -> str:
    """SHA-256 in hex over one line per file, `<its SHA-256>  <path>`: independent of the compressor."""
    lines = (f"{sha256(content).hexdigest()}  {path}\n" for path, content in sorted(contents.items()))
    return sha256("".join(lines).encode()).hexdigest()


def build(name: str, folder: Path) -> Path:
    """Writes the function's zip into `folder`, named by its content; the same input gives the same bytes."""
    contents = files(name)
    package = folder / f"{name}-{content_hash(contents)[:16]}.zip"
    folder.mkdir(parents=True, exist_ok=True)
    with ZipFile(package, "w", ZIP_DEFLATED) as archive:
        for path, content in contents.items():
            entry = ZipInfo(path, _TIME)
            entry.external_attr, entry.compress_type = _FILE_MODE, ZIP_DEFLATED
            entry.create_system = 3  # Unix, also when built on Windows
            archive.writestr(entry, content)
    return package


def main() -> None:
    """Builds all four and prints where they are."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "packages"
    for name in FUNCTIONS:
        package = build(name, folder)
        sys.stdout.write(f"{package} ({package.stat().st_size / 1000:.0f} kB)\n")


if __name__ == "__main__":
    main()
