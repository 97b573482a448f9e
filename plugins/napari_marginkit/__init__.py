"""marginkit in napari: forms and layers on one side, ``marginkit`` on the other. Nothing in here measures.

The surprising thing: a drawn coordinate is only as good as the transform of its layer. So every layer is brought to
the pixels of one image, in one place (``placing``), before anything is asked of marginkit.
"""
