"""The BigQuery tables: their columns, the wire form of a row, the sink that appends rows."""
