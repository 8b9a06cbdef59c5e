"""From what is handed in to checked columns: cells, rows, sources. Only `Effects` calls these."""
