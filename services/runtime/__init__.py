"""Shared by every server: settings, lifecycle, interceptors, identity, errors, data stores."""
