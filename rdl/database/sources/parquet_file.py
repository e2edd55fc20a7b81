"""Parquet files: read where they lie, and never copied where the table is exactly its files."""

from rdl.database.sources.source import RawTable, Read
from rdl.database.sources.table_files import TableFiles, file_list
from rdl.errors import SchemaError


def parquet_table(table: TableFiles) -> RawTable:
    """The table that Parquet files are: the union of their columns by name, a column that a part lacks being null there.

    Raises:
        ProjectError: the parts lie in folders of different columns.
        SchemaError: one of several parts is not readable as Parquet.
    """
    alike = _alike(table)
    union = "" if alike else ", union_by_name = true"
    select = f"{table.select} FROM read_parquet({file_list(table.files)}, {table.hive}{union})"
    return RawTable(table.name, Read(select), table.files, parquet=alike and not table.keys)


def _alike(table: TableFiles) -> bool:
    """Whether all parts have the same columns of the same types in the same order."""
    if len(table.files) == 1:
        return True
    import pyarrow as pa
    import pyarrow.parquet as pq

    first = None
    alike = True
    for file in table.files:
        try:
            found = pq.read_schema(file)
        except (pa.ArrowException, OSError) as error:
            raise SchemaError(
                f"not readable as Parquet: {error}", where=str(file), fix="remove the file, or write it again as a whole"
            ) from error
        columns = [(column.name, column.type) for column in found]
        first = columns if first is None else first
        alike = alike and columns == first
    return alike
