"""Reports: tables and plots made from result records, without torch."""
