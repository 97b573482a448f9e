"""The shelf of segmenters: one file each."""
