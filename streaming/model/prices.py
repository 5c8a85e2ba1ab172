"""What calls cost, for metrics: list prices, not a bill."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from streaming.model.provider import Usage
from streaming.model.settings import ModelSettings

_MILLION: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """USD per million tokens."""

    input: float
    cached: float
    output: float
    search: float = 0.01
    """USD of one search of the web. OpenAI: 10 USD a thousand, what was found being charged as
    input beside it (https://developers.openai.com/api/docs/pricing)."""

    def cost(self, usage: Usage) -> float:
        """USD of one call."""
        fresh = max(0, usage.input_tokens - usage.cached_input_tokens)
        return (
            fresh * self.input
            + usage.cached_input_tokens * self.cached
            + usage.output_tokens * self.output
        ) / _MILLION + usage.searches * self.search


LIST_PRICES: Final = {
    # https://openai.com/api/pricing, standard tier, as of December 2025
    "gpt-5.2": Price(1.75, 0.175, 14.0),
    "gpt-5.2-pro": Price(21.0, 21.0, 168.0),
    "gpt-5.1": Price(1.25, 0.125, 10.0),
    "gpt-5": Price(1.25, 0.125, 10.0),
    "gpt-5-pro": Price(15.0, 15.0, 120.0),
    "gpt-5-mini": Price(0.25, 0.025, 2.0),
    # pictures: text in, pixels out; as of September 2026
    "gpt-image-2.5-flare": Price(5.0, 1.25, 30.0),
    "gpt-image-2.5-sunburst": Price(5.0, 1.25, 30.0),
    "gpt-image-2": Price(5.0, 1.25, 30.0),
    "gpt-image-1": Price(5.0, 1.25, 40.0),
    # https://ai.google.dev/pricing, prompts up to 200k tokens, as of December 2025
    "gemini-2.5-pro": Price(1.25, 0.125, 10.0),
    "gemini-2.5-flash": Price(0.30, 0.03, 2.50),
    "gemini-2.5-flash-lite": Price(0.10, 0.01, 0.40),
    "gemini-2.0-flash": Price(0.10, 0.025, 0.40),
    "gemini-2.0-flash-lite": Price(0.075, 0.075, 0.30),
    "gemini-3-pro-preview": Price(2.0, 0.20, 12.0),
    "gemini-3-flash-preview": Price(0.50, 0.05, 3.0),
}


def price_of(model: str, settings: ModelSettings) -> Price | None:
    """Price of a model: what the settings say, else the list, else None.

    A dated name (``gpt-5.2-2025-12-11``) has the price of the name it begins with.
    """
    if settings.model_price_input_usd is not None and settings.model_price_output_usd is not None:
        cached = settings.model_price_cached_usd
        return Price(
            settings.model_price_input_usd,
            settings.model_price_input_usd if cached is None else cached,
            settings.model_price_output_usd,
        )
    known = [name for name in LIST_PRICES if model == name or model.startswith(f"{name}-20")]
    return LIST_PRICES[max(known, key=len)] if known else None
