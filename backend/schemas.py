"""Base of everything the API shows."""

from pydantic import BaseModel, ConfigDict


class Shown(BaseModel):
    """A model whose fields are described in openapi.json by the docstrings below them."""

    model_config = ConfigDict(use_attribute_docstrings=True)
