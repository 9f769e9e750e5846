"""The harness: data, training, evaluation, records, tracking and reporting for dmtbench."""
