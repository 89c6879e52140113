"""Which pipeline a command works on: the chain on this machine, or one that Terraform deployed.

`locate` decides for all commands. The first of these that names a pipeline wins:

1. the command line: --project, or --chain with a chain's file or a file of a deployment's settings,
2. the environment: CQC_PROJECT or CQC_CHAIN,
3. cqc.toml in this folder or above, a deployment's settings: `project = "my-project"`,
4. the chain that `cqc up` runs in this folder or above.

--region and --dataset, or CQC_REGION and CQC_DATASET, change what the settings of a deployment say. With both
a cqc.toml and a running chain a command refuses to guess: it might publish to the wrong one.
"""

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.topology import DATASET, REGION, feature_view_path, topic_paths
from tools.errors import UsageError
from tools.pipeline import address
from tools.pipeline.address import ChainAddress

_VARIABLES = ("CHAIN", "PROJECT", "REGION", "DATASET")
SETTINGS_FILE = "cqc.toml"
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9()][A-Za-z0-9._:()-]*$")]


class Deployment(BaseModel):
    """A deployed pipeline; the defaults are Terraform's (terraform/variables.tf)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    project: Name
    region: Name = REGION
    dataset: Name = DATASET
    firestore_database: Name = "cqc-windows"
    name_prefix: Name = "cqc"
    """What the names of the functions and of the flush's schedule begin with."""
    flush_shards: int = Field(default=1, ge=1, le=64)
    var_file: str = "prod.tfvars"
    """In terraform/, with all the variables that are deployed (docs/deployment.md)."""

    @property
    def topics(self) -> Mapping[str, str]:
        """Full names of events, parsed and dead_letter."""
        return topic_paths(self.project)

    @property
    def feature_view(self) -> str:
        """The full name; the view exists only with enable_feature_store."""
        return feature_view_path(self.project, self.region)


Pipeline: TypeAlias = ChainAddress | Deployment


@dataclass(frozen=True, slots=True)
class PipelineOptions:
    """What the command line, or the environment, says about the pipeline."""

    chain_file: Path | None = None
    project: str | None = None
    region: str | None = None
    dataset: str | None = None

    def words(self) -> list[str]:
        """The same as a command line says it; nothing of the environment."""
        given = {
            "--chain": None if self.chain_file is None else str(self.chain_file),
            "--project": self.project,
            "--region": self.region,
            "--dataset": self.dataset,
        }
        return [word for option, value in given.items() if value is not None for word in (option, value)]

    def settings(self) -> dict[str, str]:
        """Those of a deployment that are given, apart from its project."""
        given = {"region": self.region, "dataset": self.dataset}
        return {name: value for name, value in given.items() if value is not None}


def locate(options: PipelineOptions) -> Pipeline:
    """The pipeline to work on; raises UsageError when there is none, or two are named."""
    surroundings = _environment()
    changes = surroundings.settings() | options.settings()
    found = _named(options, changes, ("--project", "--chain")) or _named(
        surroundings, changes, ("CQC_PROJECT", "CQC_CHAIN")
    )
    found = found or _here(changes)
    if isinstance(found, ChainAddress) and options.settings():
        option = next(iter(options.settings()))
        raise UsageError(f"--{option} belongs to a deployed pipeline: give --project as well")
    return found


def _environment() -> PipelineOptions:
    chain_file, *names = (os.environ.get(f"CQC_{name}") or None for name in _VARIABLES)
    return PipelineOptions(Path(chain_file) if chain_file else None, *names)


def _named(options: PipelineOptions, changes: Mapping[str, str], words: tuple[str, str]) -> Pipeline | None:
    """The pipeline that these options name, if they do; `words` are theirs for a project and a file."""
    if options.project is not None and options.chain_file is not None:
        raise UsageError(f"{' and '.join(words)} name two pipelines: give one of them")
    if options.project is not None:
        return _deployment({"project": options.project, **changes}, words[0])
    return None if options.chain_file is None else _described(options.chain_file, changes)


def _here(changes: Mapping[str, str]) -> Pipeline:
    """What the folder says, by a file of settings or a running chain."""
    file, chain = address.above(Path.cwd(), Path(SETTINGS_FILE)), address.running(Path.cwd())
    if file is not None and chain is not None:
        raise UsageError(
            f"{file} describes a deployment, and a chain is running here: say which is meant, "
            f"with --chain {file} or --chain {chain}, or once for all commands with CQC_CHAIN"
        )
    return _described(file, changes) if file is not None else address.find(None)


def _described(path: Path, changes: Mapping[str, str]) -> Pipeline:
    """The deployment or the chain that a file describes; raises UsageError."""
    try:
        content = tomllib.loads(path.read_text()) if path.suffix == ".toml" else json.loads(path.read_bytes())
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f'{path} is not TOML ({error}): write it like project = "my-project"') from None
    except (OSError, ValueError):
        return address.find(path)  # which says what is wrong with it
    is_chain = not isinstance(content, dict) or "pubsub" in content or "project" not in content
    if is_chain and path.suffix != ".toml":
        return address.find(path)
    return _deployment({**content, **changes}, str(path))


def _deployment(settings: Mapping[str, object], source: str) -> Deployment:
    try:
        return Deployment.model_validate(settings)
    except ValidationError as error:
        first = error.errors()[0]
        fields = ", ".join(Deployment.model_fields)
        what = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise UsageError(
            f"{source} does not describe a deployment ({what}): its settings are {fields}"
        ) from None
