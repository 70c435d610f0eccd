"""What a journey measures beside the stages: one file each, on only where a definition asks for it."""
