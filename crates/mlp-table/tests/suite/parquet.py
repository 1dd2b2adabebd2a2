#!/usr/bin/env python3
"""Writes pyarrow.parquet and zstd.parquet beside this script."""
import datetime, os
import pyarrow as pa, pyarrow.parquet as pq

table = pa.table({
    'a': [1.5, 2.5, None],
    'w': ['x', 'y', 'x'],
    'd': [datetime.datetime(2024, 5, 31, 8, 30), None, datetime.datetime(2024, 6, 1)],
    'i': pa.array([1, 2, 3], pa.int32()),
    'b': [True, None, False],
    'c': pa.array(['u', 'v', 'u']).dictionary_encode(),
    'm': pa.array([1, 2, 3], pa.decimal128(5, 2)),
})
directory = os.path.dirname(os.path.abspath(__file__))
pq.write_table(table, directory + '/pyarrow.parquet')
pq.write_table(table, directory + '/zstd.parquet', compression='zstd', store_schema=False, write_statistics=False)
