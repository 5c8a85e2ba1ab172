"""The whole stack, used as the app uses it."""
