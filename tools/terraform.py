"""`python -m tools.terraform COMMAND [ARGUMENTS]` runs terraform on terraform/.

Without a registry, set TERRAFORM_OFFLINE to a program that runs terraform with stand-in providers.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence

from tools.paths import ROOT

_NO_TERRAFORM = (
    "terraform is not on the PATH: install 1.9 or newer, "
    "see https://developer.hashicorp.com/terraform/install"
)


def run(*arguments: str, capture: bool = False) -> subprocess.CompletedProcess[str]:
    """Terraform's exit code, and its output if captured; exits with a sentence if it is not installed."""
    if shutil.which("terraform") is None:
        raise SystemExit(_NO_TERRAFORM)
    return subprocess.run(_command(arguments), cwd=ROOT, capture_output=capture, text=True, check=False)


def offline() -> str | None:
    """The program that brings stand-in providers, if there is one."""
    return os.environ.get("TERRAFORM_OFFLINE") or None


def _command(arguments: Sequence[str]) -> list[str]:
    if arguments[0] == "fmt":  # needs no provider
        return ["terraform", "-chdir=terraform", *arguments]
    if program := offline():
        return [program, "terraform", *arguments]
    init = ["terraform", "-chdir=terraform", "init", "-backend=false", "-input=false"]
    if subprocess.run(init, cwd=ROOT, stdout=sys.stderr, check=False).returncode != 0:
        raise SystemExit("terraform init failed: see above. Without a registry, set TERRAFORM_OFFLINE.")
    return ["terraform", "-chdir=terraform", *arguments]


if __name__ == "__main__":
    sys.exit(run(*(sys.argv[1:] or ["validate"])).returncode)
