"""S3Proxy: the S3 API over a folder, standing in for Amazon S3 on one machine."""

from __future__ import annotations

import re
from collections.abc import Iterable

from mesh.local import probe
from mesh.local.part import Part
from mesh.local.parts.jvm import QUICK_START, classpath, write_settings
from mesh.local.paths import Paths
from services.runtime.ports import HOST

ACCESS_KEY = "eco2-local"
SECRET_KEY = "eco2-local-secret"  # noqa: S105  # of a server on loopback
BUCKET = "eco2-images"
REGION = "us-east-1"

LOGBACK = """\
<configuration>
  <appender name="out" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%d %-5level %logger{20} %msg%n</pattern></encoder>
  </appender>
  <root level="WARN"><appender-ref ref="out"/></root>
</configuration>
"""


def part(
    paths: Paths,
    port: int,
    *,
    origins: Iterable[str],
    access_key: str = ACCESS_KEY,
    secret_key: str = SECRET_KEY,
) -> Part:
    """S3Proxy on `port`: signatures verified, the bucket made, CORS for `origins`."""
    data = paths.data("s3")
    settings = paths.run / "s3proxy.properties"
    logback = paths.run / "s3proxy-logback.xml"

    def prepare() -> None:
        # A bucket is a folder to this backend; its access is set by the folder's mode.
        (data / BUCKET).mkdir(parents=True, exist_ok=True)
        (data / BUCKET).chmod(0o750)
        write_settings(
            settings,
            {
                "s3proxy.endpoint": f"http://{HOST}:{port}",
                "s3proxy.authorization": "aws-v4",
                "s3proxy.identity": access_key,
                "s3proxy.credential": secret_key,
                # Newer SDKs add checksum headers that S3Proxy does not know.
                "s3proxy.ignore-unknown-headers": "true",
                "s3proxy.cors-allow-origins": " ".join(re.escape(origin) for origin in origins),
                "s3proxy.cors-allow-methods": "GET HEAD PUT",
                "s3proxy.cors-allow-headers": "*",
                "s3proxy.cors-exposed-headers": "ETag",
                "s3proxy.jetty.max-threads": "32",
                "jclouds.provider": "filesystem-nio2",
                "jclouds.filesystem.basedir": str(data),
                "jclouds.identity": "unused",
                "jclouds.credential": "unused",
            },
        )
        logback.write_text(LOGBACK)

    async def ready() -> None:
        status, body = await probe.http(HOST, port, f"/{BUCKET}")
        if "<Code>AccessDenied</Code>" not in body:  # what S3 says to a stranger
            raise ConnectionError(f"unexpected answer {status}")

    return Part(
        name="s3proxy",
        command=(
            *("java", "-Xmx160m", *QUICK_START, f"-Dlogback.configurationFile={logback.as_uri()}"),
            *("-cp", classpath(paths, "s3proxy")),
            *("org.gaul.s3proxy.Main", "--properties", str(settings)),
        ),
        ports=("s3",),
        prepare=prepare,
        ready=ready,
    )
