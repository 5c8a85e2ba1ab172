"""The auth domain on real parts."""
