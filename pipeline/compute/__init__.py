"""Running a job on a machine: devices, GPU slots, processes, memory, compilation."""
