"""Images: presigned uploads, what was uploaded, and cleaning up after it."""
