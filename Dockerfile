# One image for every server and worker: `eco2 serve …`, `eco2 work …`, `eco2 migrate`, `eco2 topics`.
# BASE is any Debian 12 or newer with its package sources in place.
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS build
# hadolint ignore=DL3008  # Debian keeps only the newest version of a package
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        ca-certificates python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
# The packages first: they change less often than the code.
COPY requirements.txt /build/requirements.txt
RUN python3 -m venv /opt/eco2/venv \
    && /opt/eco2/venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check \
        --require-hashes -r /build/requirements.txt
COPY services /opt/eco2/app/services
COPY edge /opt/eco2/app/edge
COPY streaming /opt/eco2/app/streaming
COPY mesh /opt/eco2/app/mesh
COPY gen /opt/eco2/app/gen
COPY pyproject.toml LICENSE /opt/eco2/app/
# Compiled once here: the file system is read-only at run time.
RUN printf '%s\n' /opt/eco2/app /opt/eco2/app/gen/python /opt/eco2/app/gen/client \
        > "$(/opt/eco2/venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/eco2.pth" \
    && printf '#!/bin/sh\nexec /opt/eco2/venv/bin/python -m services.cli.main "$@"\n' \
        > /opt/eco2/venv/bin/eco2 \
    && chmod 755 /opt/eco2/venv/bin/eco2 \
    && /opt/eco2/venv/bin/python -m compileall -q /opt/eco2/app

FROM ${BASE}
# tesseract: the offline model reads labels with it.
# hadolint ignore=DL3008  # as above
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        ca-certificates python3 tesseract-ocr tesseract-ocr-kor \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 eco2 \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin eco2
COPY --from=build /opt/eco2 /opt/eco2
ENV PATH=/opt/eco2/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MALLOC_ARENA_MAX=2 \
    ECO2_BIND_HOST=0.0.0.0
USER 10001:10001
WORKDIR /opt/eco2/app
ENTRYPOINT ["eco2"]
CMD ["--help"]
