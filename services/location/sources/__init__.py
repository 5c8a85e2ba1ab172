"""The public data sets that places come from: their CSV layouts, read row by row. Pure but for the
file itself.
"""
