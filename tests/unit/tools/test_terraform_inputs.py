"""The Terraform modules' inputs: typed, described, and null only where null is a choice."""

import re
from pathlib import Path

import pytest

from tools.generate.module_readme import MODULES

VARIABLE = r'^variable "(\w+)" \{\n(.*?)^\}'
per_module = pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)


@per_module
def test_every_input_is_typed_described_and_null_only_on_purpose(module: Path) -> None:
    for path in module.glob("*.tf"):
        for name, body in re.findall(
            r'^variable "(\w+)" \{\n(.*?)^\}', path.read_text(), re.MULTILINE | re.DOTALL
        ):
            assert re.search("^  type ", body, re.MULTILINE), name
            assert re.search("^  description ", body, re.MULTILINE), name
            takes_null = re.search("^  default += null$", body, re.MULTILINE) is not None
            refuses_null = re.search("^  nullable += false$", body, re.MULTILINE) is not None
            assert takes_null is not refuses_null, name
