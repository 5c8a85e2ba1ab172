"""Whatever is sent to the edge, the answer is one that the OpenAPI document describes."""
