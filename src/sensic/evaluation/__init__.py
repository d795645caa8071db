"""What codecs are judged by: rates at equal distortion, and the cost of the networks."""
