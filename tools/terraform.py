"""`python -m tools.terraform COMMAND [ARGUMENTS]` runs terraform on terraform/.

With the ordinary registry, or, where no registry can be reached, with stand-in providers: the environment
variable TERRAFORM_OFFLINE names the program that brings them, which is also looked for beside this checkout
and beside the one that it was cloned from.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.paths import ROOT

_OFFLINE = "shared/terraform-offline/terraform-offline"
_NO_TERRAFORM = (
    "terraform is not on the PATH: install 1.9 or newer, "
    "see https://developer.hashicorp.com/terraform/install"
)


def run(*arguments: str, capture: bool = False) -> subprocess.CompletedProcess[str]:
    """Terraform's exit code, and its output if captured; exits with a sentence where it is not installed."""
    if shutil.which("terraform") is None:
        raise SystemExit(_NO_TERRAFORM)
    return subprocess.run(_command(arguments), cwd=ROOT, capture_output=capture, text=True, check=False)


def offline() -> Path | None:
    """The program that brings stand-in providers, where there is one."""
    if named := os.environ.get("TERRAFORM_OFFLINE"):
        return Path(named)
    beside = (checkout.parent / _OFFLINE for checkout in (ROOT, _origin()))
    return next((program for program in beside if program.is_file()), None)


def _origin() -> Path:
    """Where this repository was cloned from; a folder that does not exist for any other address."""
    asked = ["git", "-C", str(ROOT), "config", "--get", "remote.origin.url"]
    return Path(subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()).absolute()


def _command(arguments: Sequence[str]) -> list[str]:
    if arguments[0] == "fmt":  # needs no provider
        return ["terraform", "-chdir=terraform", *arguments]
    if program := offline():
        return [str(program), "terraform", *arguments]
    init = ["terraform", "-chdir=terraform", "init", "-backend=false", "-input=false"]
    if subprocess.run(init, cwd=ROOT, stdout=sys.stderr, check=False).returncode != 0:
        raise SystemExit("terraform init failed: see above. Without a registry set TERRAFORM_OFFLINE.")
    return ["terraform", "-chdir=terraform", *arguments]


if __name__ == "__main__":
    sys.exit(run(*(sys.argv[1:] or ["validate"])).returncode)
