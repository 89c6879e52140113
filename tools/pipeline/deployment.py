"""Which pipeline a command works on: the chain on this machine, or one that Terraform deployed.

`locate` decides for all commands. A deployment is named by --project, or by a file of its settings in place
of the chain's file: `{"project": "my-project", "region": "europe-west2"}`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.topology import DATASET, REGION, feature_view_path, topic_paths
from tools.errors import UsageError
from tools.pipeline import address
from tools.pipeline.address import ChainAddress

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9()][A-Za-z0-9._:()-]*$")]


class Deployment(BaseModel):
    """A deployed pipeline; the defaults are Terraform's (terraform/variables.tf)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    project: Name
    region: Name = REGION
    dataset: Name = DATASET
    firestore_database: Name = "cqc-windows"

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
    """What the command line says about the pipeline; all None means the chain that runs here."""

    chain_file: Path | None = None
    project: str | None = None
    region: str | None = None
    dataset: str | None = None


def locate(options: PipelineOptions) -> Pipeline:
    """The pipeline to work on; raises UsageError when there is none, or two are named."""
    given = {"region": options.region, "dataset": options.dataset}
    settings = {name: value for name, value in given.items() if value is not None}
    if options.project is not None:
        if options.chain_file is not None:
            raise UsageError("--project and --chain (CQC_CHAIN) name two pipelines: give one of them")
        return _deployment({"project": options.project, **settings}, "--project")
    if settings:
        raise UsageError(f"--{next(iter(settings))} belongs to a deployed pipeline: give --project as well")
    if options.chain_file is not None and (described := _described(options.chain_file)) is not None:
        return _deployment(described, str(options.chain_file))
    return address.find(options.chain_file)


def _described(path: Path) -> Mapping[str, object] | None:
    """The content of a file that describes a deployment; None for any other, which may describe a chain."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) and "project" in content and "pubsub" not in content else None


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
