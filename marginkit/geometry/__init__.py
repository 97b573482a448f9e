"""Exact distances between closed pixels, faces, contours and polygons. Indices in, millimetres out."""
