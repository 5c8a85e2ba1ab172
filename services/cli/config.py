"""``eco2 config``: the effective settings of every process, secrets masked."""

from __future__ import annotations

import json
from importlib import import_module
from typing import Annotated, Final

import typer
from pydantic import SecretStr, ValidationError

from services.runtime.settings import RuntimeSettings

MODELS: Final[dict[str, str]] = {
    "runtime": "services.runtime.settings:RuntimeSettings",
    "objectstore": "services.runtime.objectstore:ObjectStoreSettings",
    "auth": "services.auth.settings:AuthSettings",
    "oauth": "services.auth.oauth_settings:OAuthSettings",
    "character": "services.character.settings:CharacterSettings",
    "images": "services.images.settings:ImagesSettings",
    "scan": "services.scan.settings:ScanSettings",
    "location": "services.location.settings:LocationSettings",
    "chat": "services.chat.settings:ChatSettings",
    "authz": "edge.authz.settings:AuthzSettings",
    "edge": "edge.envoy.settings:EdgeSettings",
    "progress": "edge.progress.settings:ProgressSettings",
    "docs": "edge.docs.settings:DocsSettings",
    "kafka": "streaming.kafka.settings:KafkaSettings",
    "model": "streaming.model.settings:ModelSettings",
    "pipeline": "streaming.pipeline.settings:PipelineSettings",
    "chat-worker": "streaming.chat.settings:ChatWorkerSettings",
    "tools": "streaming.chat.external.settings:ToolSettings",
    "info": "services.info.settings:InfoSettings",
    "news": "streaming.workers.news.settings:NewsSettings",
    "points": "streaming.workers.points:PointsSettings",
    "erasure": "streaming.workers.erasure:ErasureSettings",
}
"""Settings models by the process or part they belong to."""


def _own(model: type[RuntimeSettings]) -> list[str]:
    """Fields a model adds to the common ones."""
    if model is RuntimeSettings:
        return list(model.model_fields)
    return [name for name in model.model_fields if name not in RuntimeSettings.model_fields]


def _shown(value: object) -> object:
    if isinstance(value, SecretStr):
        return "***" if value.get_secret_value() else ""
    return value if isinstance(value, bool | int | float | str | None) else str(value)


def config(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Print the settings in force, with the environment variable of each."""
    document: dict[str, dict[str, object]] = {}
    for name, path in MODELS.items():
        module, _, attribute = path.partition(":")
        model: type[RuntimeSettings] = getattr(import_module(module), attribute)
        try:
            settings = model()
        except ValidationError as error:
            for problem in error.errors():
                field = "_".join(str(part) for part in problem["loc"]).upper()
                typer.echo(f"ECO2_{field}: {problem['msg']}", err=True)
            raise typer.Exit(1) from None
        document[name] = {
            f"ECO2_{field.upper()}": _shown(getattr(settings, field)) for field in _own(model)
        }
    if as_json:
        typer.echo(json.dumps(document, ensure_ascii=False, indent=2))
        return
    for name, values in document.items():
        typer.secho(name, bold=True)
        for variable, value in values.items():
            typer.echo(f"  {variable}={value}")
