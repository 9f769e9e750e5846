"""The paper's claims checked against its own tables: exact arithmetic, no data and no GPU."""
