"""What surrounds every RPC, outermost first.

1. tracing   OpenTelemetry's own interceptor, where an endpoint is configured
2. metrics   count and time by method and code
3. errors    domain errors and faults → status with details; nothing else leaves the server
4. logging   one line a failed call, a debug line for the rest
5. deadline  the caller's budget and the method's own, whichever ends first
6. identity  who calls, and whether the method is open to them
7. validate  buf.validate rules of the request

Each is a layer in the module of its name, and :class:`Layers` puts them around a method when its
service is added: interceptors of grpc.aio would be composed anew in every call, which costs more
than what they do. A layer that has nothing to do for a method returns the call as it is. Metrics
and errors stand outside the others so that they see every outcome; identity comes before validation
so that a stranger learns nothing about fields.
"""
