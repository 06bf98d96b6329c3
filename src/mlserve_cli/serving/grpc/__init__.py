"""The Open Inference Protocol over gRPC, beside HTTP on the same event loop.

Only `address` may be imported before workers are forked: gRPC does not survive a fork.
"""
