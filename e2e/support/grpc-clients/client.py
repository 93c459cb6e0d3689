"""gRPC C-core as client.ts is: `client.py FOLDER TARGET METHOD`; grpcio is found in FOLDER."""

import json
import sys

folder, target, method = sys.argv[1:]
sys.path.insert(0, folder)

import grpc  # noqa: E402

call_timeout_seconds = 5

call = grpc.insecure_channel(target).unary_unary(method)
for line in sys.stdin:
    try:
        result = {"answer": call(line.encode(), timeout=call_timeout_seconds).decode()}
    except grpc.RpcError as error:
        result = {"code": error.code().value[0], "details": error.details()}
    print(json.dumps(result), flush=True)
