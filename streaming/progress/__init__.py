"""Progress of jobs on Redis Streams: publish, tail, replay, leases and checkpoints.

Redis carries progress, never the truth about a job: losing all of its data costs no accepted work.
"""
