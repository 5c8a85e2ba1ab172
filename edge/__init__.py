"""What stands between the app and the domains: Envoy, authorization, live progress."""
