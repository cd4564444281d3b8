"""Where tests find the checkout and the optional real data."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED_DATA = Path(os.environ.get("BIOCOSMOS_SHARED_DATA", ROOT.parent / "shared" / "data"))
TINY = ROOT / "models" / "specimen-tiny"

needs_shared = pytest.mark.skipif(
    not SHARED_DATA.is_dir(), reason=f"real data not found at {SHARED_DATA}"
)
