"""Reads a location's newest features: `python examples/online_features.py 1-466088203`.

Needs google-cloud-aiplatform, PROJECT_ID, and REGION where it is not europe-west2. With
FEATURE_STORE_EMULATOR_HOST it reads the local chain.
"""

import os
import sys

import grpc
from google.api_core.exceptions import NotFound
from google.cloud.aiplatform_v1 import FeatureOnlineStoreServiceClient, FetchFeatureValuesRequest
from google.cloud.aiplatform_v1.services.feature_online_store_service.transports.grpc import (
    FeatureOnlineStoreServiceGrpcTransport,
)
from google.cloud.aiplatform_v1.types import FeatureViewDataKey


def connect(region: str) -> FeatureOnlineStoreServiceClient:
    """A client of the region's endpoint, or of the local one."""
    if local := os.environ.get("FEATURE_STORE_EMULATOR_HOST"):
        transport = FeatureOnlineStoreServiceGrpcTransport(channel=grpc.insecure_channel(local))
        return FeatureOnlineStoreServiceClient(transport=transport)
    endpoint = f"{region}-aiplatform.googleapis.com"
    return FeatureOnlineStoreServiceClient(client_options={"api_endpoint": endpoint})


project, region = os.environ["PROJECT_ID"], os.environ.get("REGION", "europe-west2")
store = f"projects/{project}/locations/{region}/featureOnlineStores/cqc_feature_store"
location = sys.argv[1]
key = FeatureViewDataKey(key=location)
request = FetchFeatureValuesRequest(feature_view=f"{store}/featureViews/location_features", data_key=key)
try:
    answer = connect(region).fetch_feature_values(request=request, timeout=5)
except NotFound:
    sys.exit(f"location {location} has no features yet")
for feature in answer.key_values.features:
    kind = feature.value._pb.WhichOneof("value")
    print(feature.name, getattr(feature.value, kind) if kind else None, sep="\t")  # noqa: T201 - what the example is for
