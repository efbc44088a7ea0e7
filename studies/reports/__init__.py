"""Reports of studies: written, signed, read, printed, and who is told of them."""
