from hypothesis import given
from hypothesis import strategies as st

from core.db.partitions import index_name, is_partition, partition_name
from core.db.tables import metadata


@given(st.integers(1, 32_767))
def test_partitions_are_told_from_tables(version_id: int) -> None:
    assert partition_name(version_id) == f"embedding_v{version_id}"
    assert is_partition(partition_name(version_id))
    assert not is_partition(index_name(version_id))


def test_no_table_of_ours_is_taken_for_a_partition() -> None:
    assert not any(is_partition(name) for name in metadata.tables)
