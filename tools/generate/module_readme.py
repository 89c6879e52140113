"""The inputs and outputs of the Terraform modules, in their READMEs."""

import re
from collections.abc import Iterator
from pathlib import Path

from tools.generate.output import Files, with_part
from tools.paths import ROOT

MODULES = (ROOT / "terraform", ROOT / "terraform" / "modules" / "stage")
_BLOCK = re.compile(r'^(variable|output) "(\w+)" \{\n(.*?)^\}', re.MULTILINE | re.DOTALL)


def files() -> Files:
    """The READMEs as they must be."""
    pages = {module / "README.md": "\n".join(_tables(module)) for module in MODULES}
    return {page: with_part(page, part) for page, part in pages.items()}


def _tables(module: Path) -> Iterator[str]:
    texts = [path.read_text(encoding="utf-8") for path in module.glob("*.tf")]
    blocks = [block for text in texts for block in _BLOCK.findall(text)]
    yield from ("| Input | Type | Default | What it is |", "| --- | --- | --- | --- |")
    for _, name, body in sorted(block for block in blocks if block[0] == "variable"):
        yield f"| `{name}` | {_attribute(body, 'type')} | {_default(body)} | {_description(body)} |"
    yield from ("", "| Output | What it is |", "| --- | --- |")
    for _, name, body in sorted(block for block in blocks if block[0] == "output"):
        yield f"| `{name}` | {_description(body)} |"


def _attribute(body: str, name: str) -> str:
    (value,) = re.findall(rf"^  {name} += (.*)$", body, re.MULTILINE)
    return f"`{value.removesuffix('({')}`"


def _default(body: str) -> str:
    return _attribute(body, "default") if re.search("^  default ", body, re.MULTILINE) else "required"


def _description(body: str) -> str:
    (text,) = re.findall(r'^  description += "(.*)"$', body, re.MULTILINE)
    return str(text).replace('\\"', '"').replace("|", "\\|")
