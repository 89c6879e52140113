"""Google's own emulators of Pub/Sub and Firestore: where they are, and how to start them.

`python -m tools.local.emulators pubsub|firestore --port N` becomes the emulator. Java is started directly,
not by the emulators' shell scripts, so that signals reach the emulator itself.
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.errors import CommandError

INSTALL = "gcloud components install pubsub-emulator cloud-firestore-emulator"
_JARS = {
    "pubsub": "pubsub-emulator/lib/cloud-pubsub-emulator-*-all.jar",
    "firestore": "cloud-firestore-emulator/cloud-firestore-emulator.jar",
}
_PUBSUB = "com.google.cloud.pubsub.testing.v1.Main"
_FIRESTORE = "com.google.cloud.datastore.emulator.firestore.CloudFirestore"


class EmulatorMissing(CommandError):
    """The emulator, or something it needs, is not installed; the text says how to install it."""


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start an emulator, as for subprocess.Popen."""

    arguments: list[str]
    environment: Mapping[str, str]


def pubsub(port: int, host: str = "127.0.0.1") -> Launch:
    """Google's Pub/Sub emulator on this port. Raises EmulatorMissing."""
    return Launch([*_java("pubsub"), _PUBSUB, f"--host={host}", f"--port={port}"], dict(os.environ))


def firestore(port: int, host: str = "127.0.0.1") -> Launch:
    """Google's Firestore emulator on this port. Raises EmulatorMissing."""
    return Launch(
        [*_java("firestore"), _FIRESTORE, "start", f"--host={host}", f"--port={port}"], dict(os.environ)
    )


EMULATORS = {"pubsub": pubsub, "firestore": firestore}


def _java(name: str) -> list[str]:
    """The Java command with the emulator on its class path."""
    jar = _jar(name)
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=str(Path(home, "bin"))) if home else shutil.which("java")
    if java is None:
        raise EmulatorMissing(
            f"the {name} emulator needs Java 17 or newer, and there is no java on this machine's PATH: "
            "install one, for example with `apt install default-jre-headless`"
        )
    # As in the Firestore emulator's own script: it supports only English messages.
    return [java, "-Duser.language=en", "-cp", str(jar)]


def _jar(name: str) -> Path:
    platform = _sdk_root() / "platform"
    found = sorted(platform.glob(_JARS[name]))
    if not found:
        raise EmulatorMissing(f"the {name} emulator is not in {platform}: install it with `{INSTALL}`")
    return found[-1]


def _sdk_root() -> Path:
    """The folder of the gcloud CLI: beside the executable, or where the executable says it is."""
    gcloud = shutil.which("gcloud")
    if gcloud is None:
        raise EmulatorMissing(
            "the emulators come with the gcloud CLI, which is not on this machine's PATH: install it from "
            f"https://cloud.google.com/sdk/docs/install, then run `{INSTALL}`"
        )
    beside = Path(gcloud).resolve().parent.parent
    if (beside / "platform").is_dir():
        return beside
    # Some packages install a wrapper script outside the SDK's folder; asking it takes a second.
    info = subprocess.run(
        [gcloud, "info", "--format=value(installation.sdk_root)"], capture_output=True, text=True, check=False
    )
    return Path(info.stdout.strip())


def main() -> None:
    """Becomes the emulator named on the command line; exits with 1 and a sentence if it can't."""
    parser = argparse.ArgumentParser(prog="python -m tools.local.emulators", description=__doc__)
    parser.add_argument("name", choices=sorted(EMULATORS))
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, required=True, help="port to listen on")
    options = parser.parse_args()
    try:
        launch = EMULATORS[options.name](options.port, options.host)
    except EmulatorMissing as error:
        sys.exit(str(error))
    os.execve(launch.arguments[0], launch.arguments, launch.environment)


if __name__ == "__main__":
    main()
