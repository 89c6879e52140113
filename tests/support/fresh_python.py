"""Code in a fresh interpreter: only there does it show what importing a module loads."""

import subprocess
import sys
from collections.abc import Mapping

from tools.paths import ROOT


def printed_by(code: str, environment: Mapping[str, str]) -> list[str]:
    """The words that `code` prints, run at the repository's root; fails if it fails."""
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.split()
