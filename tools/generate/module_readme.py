"""`python -m tools.generate.module_readme` writes the Terraform modules' inputs and outputs."""

import re
from collections.abc import Iterator
from pathlib import Path

from tools.paths import ROOT

MODULES = (ROOT / "terraform", ROOT / "terraform" / "modules" / "stage")
_BEGIN, _END = "<!-- inputs and outputs: generated -->\n", "<!-- end -->"
_BLOCK = re.compile(r'^(variable|output) "(\w+)" \{\n(.*?)^\}', re.MULTILINE | re.DOTALL)


def readme(module: Path) -> str:
    """The module's README with its tables as they must be."""
    text = (module / "README.md").read_text(encoding="utf-8")
    before, rest = text.split(_BEGIN)
    return before + _BEGIN + "\n".join(_tables(module)) + "\n" + _END + rest.split(_END)[1]


def _tables(module: Path) -> Iterator[str]:
    blocks = [
        block
        for path in sorted(module.glob("*.tf"))
        for block in _BLOCK.findall(path.read_text(encoding="utf-8"))
    ]
    yield from ("", "| Input | Type | Default | What it is |", "| --- | --- | --- | --- |")
    for _, name, body in sorted(block for block in blocks if block[0] == "variable"):
        yield f"| `{name}` | {_attribute(body, 'type')} | {_default(body)} | {_description(body)} |"
    yield from ("", "| Output | What it is |", "| --- | --- |")
    for _, name, body in sorted(block for block in blocks if block[0] == "output"):
        yield f"| `{name}` | {_description(body)} |"
    yield ""


def _attribute(body: str, name: str) -> str:
    (value,) = re.findall(rf"^  {name} += (.*)$", body, re.MULTILINE)
    return f"`{value.removesuffix('({')}`"


def _default(body: str) -> str:
    return _attribute(body, "default") if re.search("^  default ", body, re.MULTILINE) else "required"


def _description(body: str) -> str:
    (text,) = re.findall(r'^  description += "(.*)"$', body, re.MULTILINE)
    return str(text).replace('\\"', '"').replace("|", "\\|")


def main() -> None:
    """Writes them."""
    for module in MODULES:
        (module / "README.md").write_text(readme(module), encoding="utf-8")


if __name__ == "__main__":
    main()
