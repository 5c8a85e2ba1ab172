"""Keys and addresses of the services of others. A tool without its key says so politely."""

from __future__ import annotations

from pydantic import SecretStr

from services.runtime.settings import RuntimeSettings


class ToolSettings(RuntimeSettings):
    """What the chat's tools read from the environment."""

    data_portal_key: SecretStr = SecretStr("")
    """Service key of the public data portal (data.go.kr), in its decoded form: the weather, the
    boxes for small appliances and the districts' collection days. One account has one key for all;
    each data set has to be applied for."""

    kma_url: str = "https://apis.data.go.kr/1360000/VilageFcstInfoService_2.0"
    """Short-range forecasts of the weather service."""

    keco_boxes_url: str = (
        "https://api.odcloud.kr/api/15106385/v1/uddi:4977d714-dca6-4bda-a10f-9bed30e2ce9c"
    )
    """Boxes for small appliances (dataset 15106385, edition of October 2024); every edition has an
    address of its own."""

    household_waste_url: str = "https://apis.data.go.kr/1741000/household_waste_info/info"
    """When and where each district collects household waste (dataset 15155080)."""
