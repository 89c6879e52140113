"""The chain's BigQuery, found as in production: by the environment variable of Google's own client."""

import os

from tools.address import ChainAddress
from tools.warehouse import Warehouse


def connect_warehouse(chain: ChainAddress) -> Warehouse:
    """A client of the chain's dataset; sets BIGQUERY_EMULATOR_HOST of this process."""
    os.environ["BIGQUERY_EMULATOR_HOST"] = chain.bigquery
    return Warehouse(chain.project, chain.dataset)
