"""The codec: groups of pictures, threads, files. Knows no framework."""
