"""The external authorization server: one decision core, two wires."""
