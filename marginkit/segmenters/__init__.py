"""One module a way to find a region; each meets the Segmenter protocol of marginkit.records."""
