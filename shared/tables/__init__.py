"""The BigQuery tables: their columns, the wire format of a row, and the sink that appends rows."""
