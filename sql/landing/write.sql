-- Writes the rows of a relation as Parquet files into a new folder, a file after every {groups} row groups; with no row, one empty file.
-- Inputs: columns (the list behind SELECT), relation, condition (true to write every row), target (the folder), groups.
-- Outputs: target/data_0.parquet, data_1.parquet, …
-- Bound: none; the condition is the watermark's.
COPY (SELECT {columns} FROM {relation} WHERE {condition}) TO {target} (FORMAT parquet, ROW_GROUPS_PER_FILE {groups})
