"""A pixel classifier: features of a picture, a forest over them, and the file that holds one. Nothing of it is code."""
