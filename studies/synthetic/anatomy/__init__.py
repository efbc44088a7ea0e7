"""Bodies drawn with numpy: plain arrays, no DICOM.

Per-pixel arithmetic is float32 ``+ - * /`` and square root, which IEEE 754 defines to the last
bit; sines and matrix products are taken in float64, so their last bit is rounded away. Thus every
machine draws the same pixels.
"""
