"""The harness of dmtbench: data, training, evaluation, records, tracking and reporting."""
