"""One tiny model for all tests here."""

import pytest

from tests import tiny_model


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    return tiny_model.save(tmp_path_factory.mktemp("models") / "tiny")
