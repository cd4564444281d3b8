"""Texts and pictures through the model of a version."""

from backend.deps import Services
from backend.embed.schemas import Embedded, EmbedRequest
from backend.search import asking, parts
from backend.timing import Timing
from backend.uploads import service as uploads
from backend.versions import service as version_service
from core.errors import BadRequest


async def embed(services: Services, asked: EmbedRequest, timing: Timing) -> Embedded:
    """Vectors of what is asked; BadRequest unless it is texts or a picture."""
    if bool(asked.texts) == bool(asked.image):
        raise BadRequest("Give texts, or the id of an uploaded picture (image)")
    async with services.reading() as conn:
        version = await asking.ready(conn, asked.embed_version)
        content = [(await uploads.get(conn, asked.image))["content"]] if asked.image else []
    pictures = await parts.decoded(services, content, timing)
    with timing.stage("encode"):
        if asked.texts:
            found = await services.encoders.encode_texts(version, asked.texts)
        else:
            found = [await services.encoders.encode_image(version, each) for each in pictures]
    return Embedded(
        embed_version=version_service.ref(version),
        vectors=[vector.values.tolist() for vector in found],
    )
