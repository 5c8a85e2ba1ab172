"""Signed reads from the object storage, so that the bucket need not be public."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

from edge.envoy.settings import EdgeSettings

Json = dict[str, Any]

SIGNING: Final = "envoy.filters.http.aws_request_signing"
_TYPE: Final = "type.googleapis.com/envoy.extensions.filters.http.aws_request_signing.v3"


def signing_filter(settings: EdgeSettings) -> Json:
    """The filter, off unless a route turns it on."""
    config = {"@type": f"{_TYPE}.AwsRequestSigning", **_request_signing(settings)}
    return {"name": SIGNING, "disabled": True, "typed_config": config}


def signed_route(settings: EdgeSettings) -> Json:
    """Per-route configuration that turns it on."""
    return {
        "@type": f"{_TYPE}.AwsRequestSigningPerRoute",
        "aws_request_signing": _request_signing(settings),
        "stat_prefix": "pictures",
    }


def _request_signing(settings: EdgeSettings) -> Json:
    """SigV4 with the configured key, or with the AWS default credential chain when there is none.

    Only the host and S3's own headers are covered: the router still adds others afterwards.
    """
    config: Json = {
        "service_name": "s3",
        "region": settings.s3_region,
        "host_rewrite": urlsplit(settings.s3_endpoint).netloc,
        "use_unsigned_payload": True,
        "match_included_headers": [{"exact": "host"}, {"prefix": "x-amz-"}],
    }
    if settings.s3_access_key:
        config["credential_provider"] = {
            "inline_credential": {
                "access_key_id": settings.s3_access_key,
                "secret_access_key": settings.s3_secret_key.get_secret_value(),
            }
        }
    return config
