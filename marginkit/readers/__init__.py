"""One file a family of image formats; found by ``marginkit.shelf``, never imported by name."""
