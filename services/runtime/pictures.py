"""Asking the images domain about a picture that a user sends along."""

from __future__ import annotations

import grpc.aio
from eco2.images.v1 import images_service_pb2, images_service_pb2_grpc

from services.runtime.remote import domain_error


async def inspect(
    images: images_service_pb2_grpc.ImagesServiceAsyncStub, image_url: str, seconds: float
) -> images_service_pb2.InspectImageResponse:
    """Key and type of a picture of ours, which is kept from now on.

    DomainError with the reason the images domain gives, or DEPENDENCY_UNAVAILABLE when it does not
    answer within so many seconds.
    """
    try:
        return await images.InspectImage(
            images_service_pb2.InspectImageRequest(image_url=image_url), timeout=seconds
        )
    except grpc.aio.AioRpcError as error:
        raise domain_error(error, "images") or error from error
